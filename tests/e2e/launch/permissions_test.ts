// What a worker's process may do, wherever it is started: attacked by a script in its place; and that `deno task worker`
// starts such a process, and none of the two outlives the other. 6 seconds.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { localWorkerFlags, relayFlags, remoteWorkerFlags, WORKER_ENVIRONMENT } from "../../../shared/worker_process.ts";
import { isAlive, outcomeOf, waitForEnd, Workspace } from "../../fixtures/herd.ts";
import { granted } from "../../fixtures/permissions.ts";
import type { ProberOrder } from "../../fixtures/prober.ts";

const ignore = !await granted("run", "read", "write", "net", "env"); // real processes
const withoutProc = ignore || Deno.build.os !== "linux";
const PROBER = new URL("../../fixtures/prober.ts", import.meta.url);
/** A module that says so where it is taken for a thread's. */
const OUTSIDE = 'globalThis.postMessage?.("loaded")';
/** A thread that tries to read what it is told. */
const THREAD = `onmessage = ({ data }) => {
  try {
    Deno.readTextFileSync(data);
    postMessage("read it");
  } catch {
    postMessage("was kept from it");
  }
}`;
const TOKEN = "0123456789abcdef0123456789abcdef";

/** A place on the loopback where connections are let in and never answered. */
function silentServer(): Disposable & { readonly address: string } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections: Deno.Conn[] = [];
  (async () => {
    for await (const connection of listener) connections.push(connection);
  })().catch(() => {});
  return {
    address: `127.0.0.1:${listener.addr.port}`,
    [Symbol.dispose]() {
      listener.close();
      for (const connection of connections) connection.close();
    },
  };
}

/** What a script in a worker's place gets away with. */
async function probe(flags: readonly string[], order: ProberOrder): Promise<string[]> {
  const { code, stdout, stderr } = await outcomeOf(
    new Deno.Command(Deno.execPath(), {
      args: ["run", ...flags, "-q", PROBER.href, JSON.stringify(order)],
      env: { HERD_SECRET: "a secret of the user's", DENO_DIR: `${order.cache}-of-deno` },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn(),
  );
  assertEquals(code, 0, stderr);
  return JSON.parse(stdout);
}

Deno.test({
  name: "permissions: a worker that its coordinator has taken over reaches one address and its cache, and nothing else",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    using coordinator = silentServer();
    using stranger = silentServer();
    const at = (name: string) => join(workspace.path, name);
    const { address } = coordinator;
    const [cache, home, deno] = [at("a b"), at("my herd"), Deno.execPath()];
    const [inside, outside] = [join(cache, "set.herd"), at("outside.js")];
    for (const folder of [cache, join(home, "worker"), join(home, "runs")]) {
      await Deno.mkdir(folder, { recursive: true });
    }
    for (const file of [inside, outside, join(home, "runs/report.json")]) await Deno.writeTextFile(file, OUTSIDE);
    await Deno.writeTextFile(join(home, "worker/thread.js"), THREAD);
    const order = { address, elsewhere: stranger.address, inside, cache, home, outside, deno };
    const both = ["connect to the coordinator", "read in the cache"];
    const code = ["read its own code", "run its own code in a thread"];
    const local = { address, file: inside, tiles: at("no tiles"), home };
    assertEquals(await probe(localWorkerFlags(local), order), [...both, ...code]);
    const more = ["write in the cache", "know the machine's name"];
    const remote = [...both, ...code, ...more];
    assertEquals(await probe(remoteWorkerFlags({ address, cacheDir: cache, home }), order), remote);
    const relay = [...both, ...more, "listen on a free port of the loopback", "start Deno"];
    assertEquals(await probe(relayFlags({ address, cacheDir: cache, deno }), order), relay);
    assertEquals(await Deno.readTextFile(outside), OUTSIDE);
  },
});

/** The process that a process has started. */
async function childOf(parent: number): Promise<{ readonly pid: number; readonly args: readonly string[] }> {
  for (const end = Date.now() + 20_000; Date.now() < end;) {
    for await (const { name } of Deno.readDir("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      const status = await Deno.readTextFile(`/proc/${name}/status`).catch(() => "");
      const args = (await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "")).split("\0").slice(1, -1);
      if (status.includes(`PPid:\t${parent}\n`) && args[0] === "run") return { pid: Number(name), args };
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`Process ${parent} has started none`);
}

Deno.test({
  name: "permissions: deno task worker starts a process with this set and the token on its stdin; both end together",
  ignore: withoutProc,
  async fn() {
    await using workspace = await Workspace.create();
    using coordinator = silentServer();
    const { address } = coordinator;
    const tokenFile = join(workspace.path, "token");
    await Deno.writeTextFile(tokenFile, TOKEN, { mode: 0o600 });
    const start = async (...more: string[]) => {
      const args = ["worker", "--connect", `ws://${address}`, "--token-file", tokenFile, ...more];
      const parent = workspace.spawn(args);
      return { parent, outcome: outcomeOf(parent), child: await childOf(parent.pid) };
    };
    const home = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");
    const reach = { address, cacheDir: join(workspace.path, "cache"), home };
    const entry = (name: string) => new URL(`../../../${name}`, import.meta.url).href;
    const cases = [
      { more: [], flags: remoteWorkerFlags(reach), told: [entry("worker/main.ts")] },
      {
        more: ["--relay"],
        flags: relayFlags({ ...reach, deno: Deno.execPath() }),
        told: [entry("main.ts"), "relay-process"],
      },
    ];
    for (const { more, flags, told } of cases) {
      const { parent, outcome, child: { pid, args } } = await start(...more);
      assertEquals(args, ["run", ...flags, "-q", ...told, reach.cacheDir]);
      const environment = (await Deno.readTextFile(`/proc/${pid}/environ`)).split("\0");
      for (const [name, value] of Object.entries(WORKER_ENVIRONMENT)) assert(environment.includes(`${name}=${value}`));
      parent.kill("SIGTERM");
      const { code, stderr } = await outcome;
      assertEquals(code, 130, stderr);
      assert(!await isAlive(pid), "the child has ended before its parent");
    }

    const interrupted = await start();
    // Neither hears anything, as in the middle of a leaf; Ctrl-C reaches the group.
    Deno.kill(interrupted.child.pid, "SIGSTOP");
    interrupted.parent.kill("SIGINT");
    assertEquals((await interrupted.outcome).code, 130);
    assert(!await isAlive(interrupted.child.pid), "a process that hangs is killed");

    const killed = await start();
    killed.parent.kill("SIGKILL");
    await killed.outcome;
    await waitForEnd([killed.child.pid]);

    const orphan = await start();
    Deno.kill(orphan.child.pid, "SIGKILL");
    assertEquals((await orphan.outcome).code, 137);
    const { stdout, stderr } = await orphan.outcome;
    assert(!`${stdout}${stderr}`.includes(TOKEN));
  },
});

Deno.test({
  name: "permissions: what a worker's process prints comes to its parent's stdout and stderr, with its exit code",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const tokenFile = join(workspace.path, "token");
    await Deno.writeTextFile(tokenFile, TOKEN, { mode: 0o600 });
    const closed = silentServer();
    closed[Symbol.dispose]();
    const { code, stdout, stderr } = await workspace.run(
      ["worker", "--connect", `ws://${closed.address}`, "--token-file", tokenFile],
    );
    assertEquals([code, stdout], [4, ""]);
    assertStringIncludes(stderr, `error: Could not join ws://${closed.address}: `);
  },
});
