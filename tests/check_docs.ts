// deno-lint-ignore-file no-console -- a script: printing is what it does.
// `deno task check:docs`: whatever a mod.ts exports, and the shared types that it speaks in, must say what it is. It is
// `deno doc --lint` without what cannot be said: types of other packages, and those that follow from declarations.
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const UNSAID = [/references private type 'WebSocket'/, /'Settings' references private type 'trainFlags'/];
/** The parts of shared that public types name. */
const SHARED = "addresses certificates config engine_names errors half model order_computer sums tree worker_order"
  .split(" ").map((name) => `shared/${name}.ts`);

const rooms = [...Deno.readDirSync(`${ROOT}coordinator`)].filter(({ isDirectory }) => isDirectory)
  .map(({ name }) => `coordinator/${name}/mod.ts`);
const cli = [...Deno.readDirSync(`${ROOT}shared/cli`)].map(({ name }) => `shared/cli/${name}`);
const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
  args: ["doc", "--lint", "coordinator/mod.ts", ...rooms, "worker/mod.ts", "data/mod.ts", ...SHARED, ...cli],
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
