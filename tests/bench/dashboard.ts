// What the dashboard costs the coordinator: processor time of its process in one run, by turns with nobody and with three plain
// listeners, beside what a step takes of all processes. Linux: it reads /proc.
import { join } from "node:path";
import { HerdError } from "../../shared/errors.ts";
import { type Findings, median } from "./support.ts";

const MAIN = new URL("../../main.ts", import.meta.url);
const LISTENERS = 3;
const TURNS = 6;
const TURN_MS = 15_000;
/** Of the kernel's clock, as every Linux shows it. */
const TICKS_A_SECOND = 100;
const MOST_SHARE = 0.01;
/** The default network and image size, with two workers and no end. */
const ARGS = ["--data", "procedural", "--backend", "simd", "--workers", "2", "--limit", "256", "--epochs", "1000"];

interface Turn {
  readonly listeners: number;
  readonly steps: number;
  /** Processor seconds. */
  readonly coordinator: number;
  readonly all: number;
}

/** Runs Herd for a while, and looks at its processes. @param args of the run */
export async function dashboard(args: readonly string[] = ARGS): Promise<Findings> {
  if (Deno.build.os !== "linux") throw new HerdError("usage", "bench dashboard reads /proc: run it on Linux");
  const out = await Deno.makeTempDir({ prefix: "herd-bench-" });
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "-q", "--no-prompt", MAIN.href, "train", "--json", "--out", join(out, "run")],
      ...["--dashboard", "127.0.0.1:0", ...args],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  try {
    return findingsOf(await measure(child));
  } finally {
    child.kill("SIGINT");
    await child.status;
    await Deno.remove(out, { recursive: true });
  }
}

async function measure(child: Deno.ChildProcess): Promise<Turn[]> {
  let steps = 0;
  const workers = new Set<number>();
  const begun = Promise.withResolvers<void>();
  const link = Promise.withResolvers<string>();
  void eachLine(child.stdout, (line) => {
    const event = JSON.parse(line);
    if (event.type === "worker" && event.what === "ready") workers.add(event.worker.pid);
    if (event.type === "step" && ++steps === 2) begun.resolve();
  });
  void eachLine(child.stderr, (line) => {
    const [found] = /http:\S+/.exec(line) ?? [];
    if (found !== undefined) link.resolve(found);
  });
  const ended = child.status.then(({ code }) => Promise.reject(new Error(`The run ended with exit code ${code}`)));
  ended.catch(() => {});
  const { origin, hash } = new URL(await Promise.race([link.promise, ended]));
  const response = await fetch(`${origin}/session`, { method: "POST", headers: { origin }, body: hash.slice(1) });
  const cookie = response.headers.get("set-cookie")!.split(";")[0]!;
  await response.body?.cancel();
  await Promise.race([begun.promise, ended]);
  const turns: Turn[] = [];
  for (let i = 0; i < TURNS; i++) {
    const count = i % 2 === 0 ? 0 : LISTENERS;
    const heard = await Promise.all(Array.from({ length: count }, () => listen(new URL(origin), cookie)));
    const seen = async () => {
      const own = await secondsOf(child.pid);
      const others = await Promise.all([...workers].map(secondsOf));
      return { steps, coordinator: own, all: others.reduce((sum, one) => sum + one, own) };
    };
    const before = await seen();
    await Promise.race([new Promise((resolve) => setTimeout(resolve, TURN_MS)), ended]);
    const after = await seen();
    for (const one of heard) one[Symbol.dispose]();
    turns.push({
      listeners: count,
      steps: after.steps - before.steps,
      coordinator: after.coordinator - before.coordinator,
      all: after.all - before.all,
    });
  }
  return turns;
}

function findingsOf(turns: readonly Turn[]): Findings {
  const ofStep = (listeners: number, of: (turn: Turn) => number) =>
    median(turns.filter((turn) => turn.listeners === listeners).map((turn) => 1000 * of(turn) / turn.steps));
  const [without, with_] = [0, LISTENERS].map((count) => ofStep(count, ({ coordinator }) => coordinator));
  const all = ofStep(0, ({ all }) => all);
  const share = (with_! - without!) / all;
  return {
    title: `Processor time of a step, ms: medians of ${TURNS / 2} turns each of ${TURN_MS / 1000} s in one run`,
    columns: ["", "coordinator", "all processes"],
    rows: [0, LISTENERS].map((count) => [
      count === 0 ? "nobody listens" : `${count} listeners`,
      ofStep(count, ({ coordinator }) => coordinator).toFixed(1),
      ofStep(count, ({ all }) => all).toFixed(1),
    ]),
    notes: [`${LISTENERS} listeners cost the coordinator ${(100 * share).toFixed(2)} % of a step's processor time.`],
    data: { turns, share },
    ...share > MOST_SHARE ? { failure: `The dashboard costs more than ${100 * MOST_SHARE} % of a step` } : {},
  };
}

/** A plain client: reads what comes, and throws it away, until it is told to go. */
async function listen(origin: URL, cookie: string): Promise<Disposable> {
  const connection = await Deno.connect({ hostname: origin.hostname, port: Number(origin.port) });
  const request = `GET /events HTTP/1.1\r\nHost: ${origin.host}\r\nCookie: ${cookie}\r\n\r\n`;
  await connection.write(new TextEncoder().encode(request));
  const bytes = new Uint8Array(65_536);
  void (async () => {
    while (await connection.read(bytes).catch(() => null) !== null);
  })();
  return connection;
}

/** Processor seconds of a process so far, its own and the kernel's for it. */
async function secondsOf(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" "); // from the third on
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

async function eachLine(stream: Deno.ChildProcess["stdout"], take: (line: string) => void): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    lines.forEach(take);
  }
}
