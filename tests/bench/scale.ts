// What a step costs the coordinator as workers are added: `deno task bench wire --workers 1,4,16,64`. Real sockets, and
// workers that compute nothing in a process of their own.
import process from "node:process";
import { HerdError } from "../../shared/errors.ts";
import { builtInModel, parameterCount } from "../../shared/model.ts";
import { addInto } from "../../shared/tree.ts";
import { startCluster } from "../fixtures/fake_worker.ts";
import { type Findings, median, milliseconds } from "./support.ts";
import { centralStep } from "./wire.ts";

const SPEC = builtInModel("keras-example", 300);
const IDLE_WORKERS = new URL("./idle_workers.ts", import.meta.url);
const MICRO_BATCH = 8;
const STEPS = 9;
const WARM_UP = 5;
/** Relative to the cheapest: a part that grows faster than the bytes shows in what a megabyte costs. */
const MOST_GROWTH = 1.3;

interface Row {
  readonly workers: number;
  /** Both ways, a step. */
  readonly megabytes: number;
  /** Milliseconds of processor time a step. */
  readonly receive: number;
  readonly sum: number;
  readonly optimizer: number;
  readonly broadcast: number;
  /** Milliseconds from weights to the next sum. */
  readonly wall: number;
  /** Resident set in MB. */
  readonly memory: number;
}

/** @throws {HerdError} usage, if the counts are no list of whole numbers */
export async function scale(list: string): Promise<Findings> {
  const counts = list.split(",").map(Number);
  if (counts.some((count) => !Number.isInteger(count) || count < 1)) {
    throw new HerdError("usage", `--workers must be whole numbers such as 1,4,16,64: got "${list}"`);
  }
  const optimizer = await centralStep("gc");
  const rows: Row[] = [];
  for (const workers of counts) rows.push(await measure(workers, optimizer));
  const perMegabyte = (row: Row) => (row.receive + row.sum + row.broadcast) / row.megabytes;
  const cheapest = Math.min(...rows.map(perMegabyte));
  const growth = Math.max(...rows.map(perMegabyte)) / cheapest;
  const last = rows.at(-1)!;
  const note = `A megabyte costs at most ${growth.toFixed(2)} times what it costs where it is cheapest.`;
  return {
    title: `The coordinator's processor time a step, ${parameterCount(SPEC).toLocaleString("en")} values a message`,
    columns: ["workers", "MB", "receive ms", "sum ms", "optimizer ms", "broadcast ms", "ms a MB", "wall ms", "RSS MB"],
    rows: rows.map((row) => [
      `${row.workers}`,
      row.megabytes.toFixed(0),
      ...[row.receive, row.sum, row.optimizer, row.broadcast].map((value) => value.toFixed(1)),
      perMegabyte(row).toFixed(2),
      row.wall.toFixed(0),
      row.memory.toFixed(0),
    ]),
    notes: [note, ...feeds(last)],
    data: { rows, growth },
    ...(last.workers > 1 && perMegabyte(last) / cheapest > MOST_GROWTH ? { failure: note } : {}),
  };
}

async function measure(workers: number, optimizer: number): Promise<Row> {
  // Every worker has a leaf at least.
  const leaves = Math.max(16, workers);
  await using cluster = await startCluster({ model: SPEC, batchSize: MICRO_BATCH * leaves, microBatch: MICRO_BATCH });
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", IDLE_WORKERS.href, cluster.address, `${workers}`],
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  try {
    await cluster.waitForMembers(workers, 60_000);
    const weights = new Float32Array(parameterCount(SPEC));
    const ids = Array.from({ length: MICRO_BATCH * leaves }, (_, i) => i);
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
      megabytes: ((traffic.up - up) / 2 + traffic.down - down) / STEPS / 1e6,
      receive: reduce.cpu - sum,
      sum,
      optimizer,
      broadcast: whole.cpu - reduce.cpu,
      wall: whole.wall,
      memory: Deno.memoryUsage().rss / 1e6,
    };
  } finally {
    cluster.stop();
    child.kill("SIGTERM");
    await child.status;
  }
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
  const sums = Array.from({ length: partials }, () => new Float32Array(parameterCount(SPEC)));
  return await milliseconds(5, () => sums.slice(1).forEach((sum) => addInto(sums[0]!, sum)));
}

/** How many workers' frames one coordinator can take in the time of a step, by network and by processor. */
function feeds({ workers, megabytes, receive, sum, optimizer, broadcast }: Row): string[] {
  const perWorker = megabytes / workers;
  const cpu = (receive + sum + broadcast) / workers;
  return [1, 10, 100].map((gigabits) => {
    const line = 8 * perWorker / gigabits / 2; // up and down at the same time
    const slower = Math.max(cpu, line);
    const what = slower === cpu ? "the processor" : "the network";
    const count = (stepMs: number) => Math.max(1, Math.floor((stepMs - optimizer) / slower));
    return `${gigabits} Gbit/s: ${count(100)} workers at 10 steps a second, ${count(1000)} at one; ${what} limits`;
  });
}
