// What a step costs the coordinator as workers are added: `deno task bench wire --workers 1,4,16,64`, and with these behind
// relays: `--workers 64 --relays 8`. Real sockets, and workers that compute nothing in processes of their own.
import process from "node:process";
import { HerdError } from "../../shared/errors.ts";
import { builtInModel, parameterCount } from "../../shared/model.ts";
import { addInto } from "../../shared/tree.ts";
import { startCluster } from "../fixtures/fake_worker.ts";
import { type Findings, median, milliseconds } from "./support.ts";
import { centralStep } from "./wire.ts";

/** Idle relays must have it too. */
export const BENCH_MODEL = builtInModel("keras-example", 300);
const IDLE_WORKERS = new URL("./idle_workers.ts", import.meta.url);
const IDLE_RELAY = new URL("./idle_relay.ts", import.meta.url);
export const MICRO_BATCH = 8;
const STEPS = 25;
const WARM_UP = 5;
/** What a step takes the workers, who only wait. If they answered at once, the first would be given the others' leaves. */
const COMPUTE_MS = 600;
/** Relative to the cheapest: a part that grows faster than the bytes shows in what a megabyte costs. */
const MOST_GROWTH = 1.3;

interface Row {
  readonly workers: number;
  /** 0 if the workers are connected directly. */
  readonly relays: number;
  /** Both ways, a step. */
  readonly megabytes: number;
  /** Milliseconds of processor time a step. */
  readonly receive: number;
  readonly sum: number;
  readonly optimizer: number;
  readonly broadcast: number;
  /** Milliseconds from weights to the next sum, without what the workers wait. */
  readonly wall: number;
  /** Resident set in MB. */
  readonly memory: number;
}

/**
 * @param relays counts of relays, behind which each number of workers is measured too; "" for none
 * @throws {HerdError} usage, if the counts are no list of whole numbers, or there are more relays than workers
 */
export async function scale(list: string, relays: string): Promise<Findings> {
  const counts = countsOf(list, "workers");
  const relayed = relays === "" ? [] : countsOf(relays, "relays");
  if (Math.max(...relayed) > Math.min(...counts)) {
    throw new HerdError("usage", `Each relay needs a worker: got --workers ${list} for --relays ${relays}`);
  }
  const optimizer = await centralStep("gc");
  const rows: Row[] = [];
  for (const workers of counts) {
    // Memory that was needed once stays: what needs less comes first.
    for (const count of [...relayed, 0]) rows.push(await measure(workers, count, optimizer));
  }
  const total = (row: Row) => row.receive + row.sum + row.broadcast;
  const perMegabyte = (row: Row) => total(row) / row.megabytes;
  const direct = rows.filter((row) => row.relays === 0);
  const cheapest = Math.min(...direct.map(perMegabyte));
  const growth = Math.max(...direct.map(perMegabyte)) / cheapest;
  const last = direct.at(-1)!;
  const saved = rows.filter((row) => row.relays > 0).map((row) => {
    const before = direct.find(({ workers }) => workers === row.workers)!;
    const bytes = `${row.megabytes.toFixed(0)} MB instead of ${before.megabytes.toFixed(0)}`;
    const time = `${total(row).toFixed(0)} ms of its processor instead of ${total(before).toFixed(0)}`;
    return `${row.workers} workers behind ${row.relays} relays cost the coordinator ${bytes}, and ${time}.`;
  });
  const note = `A megabyte costs at most ${growth.toFixed(2)} times what it costs where it is cheapest.`;
  return {
    title: `The coordinator's processor time a step, ${
      parameterCount(BENCH_MODEL).toLocaleString("en")
    } values a message`,
    columns: [
      "workers",
      "relays",
      "MB",
      "receive ms",
      "sum ms",
      "optimizer ms",
      "broadcast ms",
      "ms a MB",
      "wall ms",
      "RSS MB",
    ],
    rows: rows.map((row) => [
      `${row.workers}`,
      `${row.relays}`,
      row.megabytes.toFixed(0),
      ...[row.receive, row.sum, row.optimizer, row.broadcast].map((value) => value.toFixed(1)),
      perMegabyte(row).toFixed(2),
      row.wall.toFixed(0),
      row.memory.toFixed(0),
    ]),
    notes: [note, ...saved, ...feeds(last)],
    data: { rows, growth },
    ...(last.workers > 1 && perMegabyte(last) / cheapest > MOST_GROWTH ? { failure: note } : {}),
  };
}

async function measure(workers: number, relays: number, optimizer: number): Promise<Row> {
  // Every worker has a leaf at least.
  const leaves = Math.max(16, workers);
  const batchSize = MICRO_BATCH * leaves;
  const pace = COMPUTE_MS * workers / batchSize;
  await using cluster = await startCluster({ model: BENCH_MODEL, batchSize, microBatch: MICRO_BATCH });
  const children = relays === 0
    ? [start(IDLE_WORKERS, cluster.address, workers, pace)]
    : Array.from({ length: relays }, (_, i) => {
      const upTo = (relay: number) => Math.floor(workers * relay / relays);
      return start(IDLE_RELAY, cluster.address, upTo(i + 1) - upTo(i), pace, batchSize);
    });
  try {
    await cluster.waitForMembers(relays || workers, 60_000);
    const weights = new Float32Array(parameterCount(BENCH_MODEL));
    const ids = Array.from({ length: batchSize }, (_, i) => i);
    const gradients = () => cluster.gradients({ seed: 0, epoch: 1, ids });
    const step = async () => {
      await cluster.setWeights(weights);
      await gradients();
    };
    for (let i = 0; i < WARM_UP; i++) await step();
    const { up, down } = cluster.traffic;
    const reduce = await repeat(gradients);
    const whole = await repeat(step);
    const traffic = cluster.traffic;
    const partials = (traffic.up - up) / (2 * STEPS) / (4 * weights.length);
    const sum = await sumsAlone(Math.round(partials));
    return {
      workers,
      relays,
      megabytes: ((traffic.up - up) / 2 + traffic.down - down) / STEPS / 1e6,
      receive: reduce.cpu - sum,
      sum,
      optimizer,
      broadcast: whole.cpu - reduce.cpu,
      wall: whole.wall - COMPUTE_MS,
      memory: Deno.memoryUsage().rss / 1e6,
    };
  } finally {
    cluster.stop();
    for (const child of children) child.kill("SIGTERM");
    await Promise.all(children.map((child) => child.status));
  }
}

/** @throws {HerdError} usage, if they are no list of whole numbers */
function countsOf(list: string, flag: string): number[] {
  const counts = list.split(",").map(Number);
  if (counts.every((count) => Number.isInteger(count) && count >= 1)) return counts;
  throw new HerdError("usage", `--${flag} must be whole numbers such as 1,4,16,64: got "${list}"`);
}

function start(script: URL, ...args: readonly (string | number)[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", script.href, ...args.map(String)],
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
}

/** The median wall time of an action, and its processor time in this process, in milliseconds. */
async function repeat(action: () => Promise<unknown>): Promise<{ wall: number; cpu: number }> {
  const walls: number[] = [];
  const cpus: number[] = [];
  for (let i = 0; i < STEPS; i++) {
    const start = performance.now();
    const before = process.cpuUsage();
    await action();
    const { user, system } = process.cpuUsage(before);
    walls.push(performance.now() - start);
    cpus.push((user + system) / 1000);
  }
  return { wall: median(walls), cpu: median(cpus) };
}

/** What the additions of so many partial sums take. */
async function sumsAlone(partials: number): Promise<number> {
  const sums = Array.from({ length: partials }, () => new Float32Array(parameterCount(BENCH_MODEL)));
  return await milliseconds(5, () => sums.slice(1).forEach((sum) => addInto(sums[0]!, sum)));
}

/**
 * How many workers one coordinator can feed in the time of a step, by network and by processor: each takes the weights and
 * brings one sum.
 */
function feeds({ megabytes, receive, sum, optimizer, broadcast }: Row): string[] {
  const message = 4 * parameterCount(BENCH_MODEL) / 1e6;
  const cpu = 2 * message * (receive + sum + broadcast) / megabytes;
  return [1, 10, 100].map((gigabits) => {
    const line = 8 * message / gigabits; // up and down at the same time
    const slower = Math.max(cpu, line);
    const what = slower === cpu ? "the processor" : "the network";
    const count = (stepMs: number) => Math.max(1, Math.floor((stepMs - optimizer) / slower));
    return `${gigabits} Gbit/s: ${count(100)} workers at 10 steps a second, ${count(1000)} at one; ${what} limits`;
  });
}
