// deno-lint-ignore-file no-console -- a script: printing is what it does.
// `deno task check:docs`: whatever a mod.ts exports, and the types that it speaks in, must say what it is. It is
// `deno doc --lint` without what cannot be said: types of other packages, and those that follow from declarations.
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const UNSAID = [
  /references private type '(WebSocket|GenericSchema|InferOutput)'/,
  /'\w+' references private type '(trainFlags|fromWorker|fromCoordinator)'/,
  /exported function is missing an explicit return type annotation[^]*export const \w+: Parser</,
];

/** The files below a folder for which a test of their paths holds. */
function filesBelow(folder: string, holds: (path: string) => boolean): string[] {
  return [...Deno.readDirSync(`${ROOT}${folder}`)].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    return isDirectory ? filesBelow(path, holds) : holds(path) ? [path] : [];
  });
}

const faces = ["coordinator", "worker", "data"].flatMap((part) => filesBelow(part, (path) => path.endsWith("/mod.ts")));
// What programs import.
faces.push("main.ts");
// Engines speak in these words.
faces.push("worker/engine.ts");
// Shared is entered by its files. The stand-ins for JSR packages are documented there.
const shared = filesBelow("shared", (path) => path.endsWith(".ts") && !path.startsWith("shared/std/"));
const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
  args: ["doc", "--lint", ...faces, ...shared],
  cwd: ROOT,
  env: { NO_COLOR: "1" },
}).output();
const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
const found = text.split(/^(?=error\[)/m).filter((one) => one.startsWith("error["));
const missing = found.filter((one) => !UNSAID.some((unsaid) => unsaid.test(one)));
for (const one of missing) console.error(one.trimEnd());
// The unsaid ones are always among them: without any, the check itself has failed.
if (found.length === 0) console.error(text);
console.log(`${missing.length} of the public symbols lack documentation`);
Deno.exit(missing.length === 0 && found.length > 0 ? 0 : 1);
