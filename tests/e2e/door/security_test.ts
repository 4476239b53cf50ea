// What a user relies on when other machines can reach a run: encryption that is not left out by mistake, and a token that
// is written nowhere.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import type { Report } from "../../../coordinator/mod.ts";
import { hasOpenssl, makeCertificate } from "../../fixtures/certificates.ts";
import { eventsOf, type Outcome, outcomeOf, textOf, Workspace } from "../../fixtures/herd.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("run", "read", "write", "net", "env"); // real processes
const withoutTls = ignore || !await hasOpenssl();
const TOKEN = "5ec2e70f5ec2e70f5ec2e70f5ec2e70f";

Deno.test({
  name: "train and worker over TLS give the weights of a local run, and the token is in no file, argument or output",
  ignore: withoutTls,
  async fn() {
    await using workspace = await Workspace.create();
    const { cert, key } = await makeCertificate(workspace.path, ["IP:127.0.0.1"]);
    const stranger = await makeCertificate(workspace.path, ["IP:127.0.0.1"], "stranger");
    const tokenFile = join(workspace.path, "token");
    await Deno.writeTextFile(tokenFile, `${TOKEN}\n`, { mode: 0o600 });
    const secured = ["--tls-cert", cert, "--tls-key", key, "--token-file", tokenFile];
    // One worker of either kind, so that both doors are used.
    const child = workspace.spawn(
      workspace.train("tls", "--backend", "tfjs-cpu", "--workers", "1", "--min-workers", "2", ...secured, "--json"),
    );
    const stderr = new Response(child.stderr).text();
    let seen = "";
    let worker: Promise<Outcome> | undefined;
    let refused: Outcome = { code: 0, stdout: "", stderr: "" };
    for await (const event of eventsOf(child)) {
      seen += JSON.stringify(event);
      const url = /wss:\/\/\S+/.exec(textOf(event))?.[0];
      if (event.type === "notice" && url !== undefined) {
        const connect = ["worker", "--connect", url, "--token-file", tokenFile, "--tls-ca"];
        refused = await workspace.run([...connect, stranger.cert]);
        worker = outcomeOf(workspace.spawn([...connect, cert], { cache: "elsewhere" }));
      }
      if (event.type === "step") { for (const line of await commandLines()) assert(!line.includes(TOKEN), line); }
    }
    assertEquals((await child.status).code, 0, await stderr);
    assertEquals(refused.code, 4);
    assertStringIncludes(refused.stderr, "--tls-ca");
    const outcome = await worker!;
    assertEquals(outcome.code, 0, outcome.stderr);
    assertStringIncludes(outcome.stdout, "fetching 1 of 1 chunks");

    for (const text of [seen, await stderr, ...Object.values(outcome), ...Object.values(refused)]) {
      assert(!`${text}`.includes(TOKEN), "printed");
    }
    let files = 0;
    for await (const { path, content, mode } of filesBelow(workspace.path)) {
      const made = ["tls", "cache", "elsewhere"].some((folder) => path.startsWith(join(workspace.path, folder)));
      if (made && Deno.build.os !== "windows") assertEquals(mode, 0o600, path);
      if (path === tokenFile) continue;
      files++;
      assert(!content.includes(TOKEN), path);
      if (!path.endsWith(".pem")) assert(!content.includes("PRIVATE KEY"), path);
    }
    assert(files > 10, "config, report, logs and models have been looked at");

    assertEquals((await workspace.run(workspace.train("local", "--backend", "tfjs-cpu", "--workers", "1"))).code, 0);
    const bits = ({ arms }: Report) => arms.map(({ weightsSha256 }) => weightsSha256);
    assertEquals(bits(await workspace.report("tls")), bits(await workspace.report("local")));
    assertEquals((await workspace.report("tls")).workers.length, 2);
  },
});

Deno.test({
  name: "train and worker do not connect in clear to other machines unless told to",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const tokenFile = join(workspace.path, "token");
    const junk = join(workspace.path, "junk.pem");
    await Deno.writeTextFile(tokenFile, TOKEN, { mode: 0o600 });
    await Deno.writeTextFile(junk, "junk");
    const outside = ["--listen", "0.0.0.0:0"];
    const cases: [string[], string][] = [
      [["train", ...outside], "give --token-file"],
      [["train", ...outside, "--token-file", tokenFile], "--tls-cert and --tls-key"],
      [["train", "--listen", "127.evil.example:0", "--token-file", tokenFile], "--tls-cert and --tls-key"],
      [["train", "--tls-cert", junk], "--tls-cert is given without --tls-key"],
      [["train", "--tls-key", junk], "--tls-key is given without --tls-cert"],
      [["train", "--tls-key", junk, "--tls-cert", junk], junk],
      [["train", "--tls-key", junk, "--tls-cert", junk, "--insecure"], "contradicts"],
      [["worker", "--connect", "ws://192.0.2.1:7400", "--token-file", tokenFile], "--insecure"],
      [["worker", "--connect", "ws://127.0.0.1:7400", "--token-file", tokenFile, "--tls-ca", junk], "wss://"],
      [["worker", "--connect", "wss://127.0.0.1:7400", "--token-file", tokenFile, "--tls-ca", junk], junk],
      [["worker", "--connect", "wss://me:secret@127.0.0.1:7400", "--token-file", tokenFile], "--connect must be"],
    ];
    for (const [args, sentence] of cases) {
      const { code, stderr } = await workspace.run(args);
      assertEquals(code, 2, stderr);
      assertStringIncludes(stderr, sentence);
    }
  },
});

/** The command lines of all processes that can be seen; none where there is no /proc. */
async function commandLines(): Promise<string[]> {
  const lines: string[] = [];
  try {
    for await (const { name } of Deno.readDir("/proc")) {
      if (/^\d+$/.test(name)) lines.push(await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => ""));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return lines;
}

async function* filesBelow(folder: string): AsyncGenerator<{ path: string; content: string; mode: number }> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) yield* filesBelow(path);
    else {
      const content = new TextDecoder("latin1").decode(await Deno.readFile(path));
      yield { path, content, mode: (await Deno.stat(path)).mode! & 0o777 };
    }
  }
}
