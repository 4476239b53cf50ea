// What the launchers start, as commands: the processes themselves are in tests/slow/launch/ssh_test.ts and slurm_test.ts.
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { readLauncher } from "../../../coordinator/launch/mod.ts";
import type { LaunchedRun, WorkerCommand } from "../../../coordinator/launch/launcher.ts";
import { localLauncher, threadsEach } from "../../../coordinator/launch/local.ts";
import { stepCommand, tasksByNode } from "../../../coordinator/launch/slurm.ts";
import { parseHosts, sshCommand, sshLauncher } from "../../../coordinator/launch/ssh.ts";
import { HerdError } from "../../../shared/errors.ts";
import { softwareAdapterEnvironment } from "../../../shared/software_adapter.ts";
import {
  localWorkerFlags,
  relayEnvironment,
  relayFlags,
  remoteWorkerFlags,
  WORKER_ENVIRONMENT,
} from "../../../shared/worker_process.ts";
import fc from "fast-check";
import { granted } from "../../fixtures/permissions.ts";

const TOKEN = "a-token-that-nobody-may-see";
const RUN: LaunchedRun = {
  entry: new URL("file:///opt/herd/worker/main.ts"),
  localAddress: "127.0.0.1:7400",
  url: "ws://0.0.0.0:7400",
  token: TOKEN,
  secretFor: (name: string) => `the secret of ${name}`,
  certificate: undefined,
  cachePath: "/cache/a b.herd",
  cacheDir: "/cache",
};

function assertSecret({ program, args, env, order }: WorkerCommand): void {
  assert(!JSON.stringify([program, args, env]).includes(TOKEN), "the token is on the command line");
  assertEquals(order.token, TOKEN);
}

Deno.test("launch: the page prints the sets of permissions that are in use", {
  ignore: !await granted("read"),
}, async () => {
  const page = await Deno.readTextFile(new URL("../../../coordinator/launch/README.md", import.meta.url));
  const printed = [...page.matchAll(/^\| .* \| `(--allow-net=[^`]+)` *\|$/gm)].map(([, flags]) => flags);
  const reach = { address: "HOST:PORT", cacheDir: "CACHE", home: "HERD" };
  const sets = [localWorkerFlags({ ...reach, file: "DATASET", tiles: "TILES" }), remoteWorkerFlags(reach)];
  assertEquals(printed, [...sets, relayFlags({ ...reach, deno: "DENO" })].map((flags) => flags.join(" ")));
});

Deno.test("launch: no set holds more than it needs, and a path with a comma cannot widen it", () => {
  const reach = { address: "h:1", cacheDir: "/a b", home: "/my herd" };
  const nothingElse = ["--cached-only", "--ignore-env", "--no-prompt"];
  const code = "/my herd/data,/my herd/shared,/my herd/worker";
  const local = localWorkerFlags({ ...reach, file: "/a b", tiles: "/t" });
  assertEquals(local, ["--allow-net=h:1", `--allow-read=/a b,/t,${code}`, ...nothingElse]);
  const rest = ["--allow-write=/a b", "--allow-sys=hostname", ...nothingElse];
  assertEquals(remoteWorkerFlags(reach), ["--allow-net=h:1", `--allow-read=/a b,${code}`, ...rest]);
  assertEquals(relayFlags({ ...reach, deno: "/opt/deno" }), [
    "--allow-net=h:1,127.0.0.1:0",
    "--allow-read=/a b",
    ...rest,
    "--allow-run=/opt/deno",
  ]);
  const [evil, evilHome] = [{ ...reach, cacheDir: "/a,/etc" }, { ...reach, home: "/a,/etc" }];
  const makers = [
    () => localWorkerFlags({ ...reach, file: "/a,/etc", tiles: "/t" }),
    () => localWorkerFlags({ ...reach, file: "/a", tiles: "/t,/etc" }),
    () => localWorkerFlags({ ...evilHome, file: "/a", tiles: "/t" }),
    () => remoteWorkerFlags(evil),
    () => remoteWorkerFlags(evilHome),
    () => relayFlags({ ...evil, deno: "/opt/deno" }),
    () => relayFlags({ ...reach, deno: "/opt/deno,/bin/sh" }),
    () => sshCommand({ destination: "a", workers: 1, dir: "/a,/etc", deno: "deno" }, { run: RUN, name: "w1", port: 1 }),
  ];
  for (const make of makers) assertThrows(make, HerdError, "has a comma");
});

Deno.test("launch: a local worker may connect to the coordinator, read the data set and tuned tiles, and nothing else", () => {
  const plan = localLauncher(2).plan(RUN);
  assertEquals(plan.map(({ name }) => name), ["w1", "w2"]);
  const command = plan[1]!.command();
  assertSecret(command);
  const tiles = "/cache/webgpu-tiles.json";
  const set = localWorkerFlags({ address: "127.0.0.1:7400", file: "/cache/a b.herd", tiles, home: "/opt/herd" });
  assertEquals(command.args, ["run", ...set, "-q", RUN.entry.href]);
  assertEquals(command.order, {
    name: "w2",
    url: "ws://127.0.0.1:7400",
    token: TOKEN,
    secret: "the secret of w2",
    cachePath: "/cache/a b.herd",
    tilesFile: tiles,
  });
});

Deno.test("launch: local workers share the cores among a software adapter's threads", () => {
  assertEquals([[16, 1], [16, 4], [16, 5], [2, 2], [2, 3], [1, 64], [8, 0]].map(([c, w]) => threadsEach(c!, w!)), [
    16,
    4,
    3,
    1,
    1,
    1,
    8,
  ]);
  fc.assert(fc.property(fc.integer({ min: 1, max: 512 }), fc.integer({ min: 1, max: 64 }), (cores, workers) => {
    const threads = threadsEach(cores, workers);
    assert(threads >= 1 && threads * workers <= Math.max(cores, workers), "no more threads than cores");
    assert((threads + 1) * workers > cores, "no core is left that each could have");
  }));
  const [first] = localLauncher(2).plan(RUN);
  assertEquals(first!.command().env, {
    ...WORKER_ENVIRONMENT,
    ...softwareAdapterEnvironment(RUN.cacheDir),
    LP_NUM_THREADS: `${threadsEach(navigator.hardwareConcurrency, 2)}`,
  });
});

Deno.test("launch: each local worker on a GPU is told its own, and the selection of GPUs is on", {
  ignore: !await granted("env"),
}, () => {
  const before = Deno.env.get("NODEVICE_SELECT");
  try {
    Deno.env.set("NODEVICE_SELECT", "1");
    const gpus = ["pci-0000_41_00_0", "pci-0000_61_00_0"];
    const environments = localLauncher(2, gpus).plan(RUN).map(({ command }) => command().env);
    assertEquals(environments.map(({ DRI_PRIME }) => DRI_PRIME), gpus);
    assert(environments.every((env) => !("NODEVICE_SELECT" in env) && env.MALLOC_ARENA_MAX === "2"));
    assertEquals(Deno.env.get("NODEVICE_SELECT"), undefined, "it would be inherited");
    assertEquals("NODEVICE_SELECT" in relayEnvironment(gpus), false);
    assertEquals(relayEnvironment([]), WORKER_ENVIRONMENT);
  } finally {
    if (before === undefined) Deno.env.delete("NODEVICE_SELECT");
    else Deno.env.set("NODEVICE_SELECT", before);
  }
});

Deno.test("launch: a hosts file is read line by line", () => {
  const hosts = parseHosts(
    `# the lab
ann@one workers=2 dir=/srv/herd deno=/opt/deno   # the big one

ssh://bob@two:2222
[::1]`,
    "hosts",
  );
  assertEquals(hosts, [
    { destination: "ann@one", workers: 2, dir: "/srv/herd", deno: "/opt/deno" },
    { destination: "ssh://bob@two:2222", workers: 1, dir: undefined, deno: "deno" },
    { destination: "[::1]", workers: 1, dir: undefined, deno: "deno" },
  ]);
});

Deno.test("launch: a bad hosts file is refused with its line", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["one\n-oProxyCommand=evil", "Line 2 of the hosts file lab does not begin with HOST"],
    ["one workers=0", "Line 1 of the hosts file lab: workers must be a whole number from 1 to 64"],
    ["one worker=2", 'Line 1 of the hosts file lab has "worker=2"'],
    ["one dir=", 'has "dir="'],
    ["# nothing", "The hosts file lab names no host"],
  ];
  for (const [text, sentence] of cases) assertThrows(() => parseHosts(text, "lab"), HerdError, sentence);
});

Deno.test("launch: a worker by ssh comes back through ssh, and is quoted for any shell", () => {
  const host = { destination: "ann@one", workers: 1, dir: "it's here", deno: "deno" };
  const command = sshCommand(host, { run: RUN, name: "w1", port: 20_001 });
  assertSecret(command);
  assertEquals(command.order, { name: "w1", url: "ws://127.0.0.1:20001", token: TOKEN, secret: "the secret of w1" });
  assertEquals(command.args.slice(-6, -1), ["-T", "-R", "127.0.0.1:20001:127.0.0.1:7400", "--", "ann@one"]);
  const remote = command.args.at(-1)!;
  assert(remote.startsWith("sh -c '"), remote);
  // Taken apart as two shells do: what is quoted once more each time.
  const script = remote.slice("sh -c '".length, -1).replaceAll("'\\''", "'");
  const set = remoteWorkerFlags({ address: "127.0.0.1:20001", cacheDir: "$cache", home: "$home" });
  const flags = set.map((flag) => `"${flag}"`).join(" ");
  const module = '"$home/worker/main.ts"';
  assert(
    script.endsWith(`'deno' cache -q ${module} </dev/null; exec 'deno' run ${flags} -q ${module} "$cache"`),
    script,
  );
  assertStringIncludes(script, `; home='it'\\''s here'; `);
});

Deno.test("launch: hosts get their workers in order, each start another port", () => {
  const launcher = sshLauncher("ssh:lab", parseHosts("one workers=2\ntwo", "lab"));
  assertEquals(launcher.count, 3);
  const plan = launcher.plan(RUN);
  assertEquals(plan.map(({ name, command }) => [name, command().args.at(-2)]), [
    ["w1", "one"],
    ["w2", "one"],
    ["w3", "two"],
  ]);
  const urls = new Set(Array.from({ length: 20 }, () => plan[0]!.command().order.url));
  assert(urls.size > 1, "a port that is taken would be tried for ever");
});

Deno.test("launch: an allocation's tasks, as Slurm writes them", () => {
  assertEquals(tasksByNode(["a", "b", "c"], "2(x2),1"), ["a", "a", "b", "b", "c"]);
  assertEquals(tasksByNode(["a"], "1"), ["a"]);
  assertThrows(() => tasksByNode(["a", "b"], "1"), HerdError, 'SLURM_TASKS_PER_NODE is "1" for 2 nodes');
  assertThrows(() => tasksByNode(["a"], "many"), HerdError, 'SLURM_TASKS_PER_NODE is "many"');
});

Deno.test("launch: a Slurm step asks for one task's share of its node and connects to the coordinator's host", () => {
  const allocation = { tasks: ["n1", "n2"], cpusPerTask: "4" };
  const command = stepCommand(RUN, { allocation, node: "n2", name: "w2", hostname: "login1" });
  assertSecret(command);
  for (const flag of ["--nodelist=n2", "--ntasks=1", "--exact", "--mem=0", "--cpus-per-task=4"]) {
    assert(command.args.includes(flag), `${flag} is not among ${command.args.join(" ")}`);
  }
  const set = remoteWorkerFlags({ address: "login1:7400", cacheDir: "/cache", home: "/opt/herd" });
  assertEquals(command.args.slice(-set.length - 3), [...set, "-q", RUN.entry.href, "/cache"]);
  assertEquals(command.order, { name: "w2", url: "ws://login1:7400", token: TOKEN, secret: "the secret of w2" });
  const place = { allocation, node: "n2", name: "w2", hostname: "login1" };
  const { order } = stepCommand({ ...RUN, url: "wss://[fd00::1]:7400", certificate: "PEM" }, place);
  assertEquals([order.url, order.authority], ["wss://[fd00::1]:7400", "PEM"]);
});

Deno.test("launch: --launcher that means nothing is refused", async () => {
  const refused = (flag: string) => readLauncher(flag, { local: { count: 1, gpus: [] }, env: {} });
  await assertRejects(() => refused("slrum"), HerdError, '--launcher cannot be "slrum": use local, slurm or ssh:');
  await assertRejects(() => refused("slurm"), HerdError, "SLURM_JOB_NODELIST is not set: submit coordinator/launch");
  await assertRejects(() => refused("ssh:/nowhere/hosts"), HerdError, "Cannot read the hosts file /nowhere/hosts");
});
