// Whether workers' memory grows: the resident set at steps 20 and 200 of the default experiment, garbage collected before each
// reading; and how high it rises in a run that collects when it pleases.
import { train } from "../../coordinator/mod.ts";
import { silentReporter } from "../../coordinator/reporter.ts";
import { cacheDirectory } from "../../data/mod.ts";
import type { Findings } from "./support.ts";

const FIRST = 20;
const LAST = 200;
const STEPS_AN_EPOCH = 9;
const LIMIT_MEGABYTES = 5;
const MOST_MEGABYTES = 700;
/** Between collections a worker's memory is a sawtooth of 30 MB, in which neither a leak nor its absence would show. */
const COLLECTED_WORKER = new URL("./collected_worker.ts", import.meta.url);
const WORKER = new URL("../../worker/main.ts", import.meta.url);
const WORKERS = navigator.hardwareConcurrency;

/** Fails above 5 MB of growth or 700 MB. Linux only: it reads /proc. */
export async function leak(): Promise<Findings> {
  if (Deno.build.os !== "linux") throw new Error("bench --leak reads /proc: it needs Linux");
  const collected = await residentSets(COLLECTED_WORKER);
  const free = await residentSets(WORKER);
  const growth = Math.max(...collected[LAST - 1]!.map((size, i) => size - collected[FIRST - 1]![i]!));
  const most = Math.max(...free.flat());
  const broken = growth > LIMIT_MEGABYTES || most > MOST_MEGABYTES;
  const summary = `A worker grew by ${growth.toFixed(1)} MB (limit ${LIMIT_MEGABYTES}); at most it held ${
    most.toFixed(1)
  } MB (limit ${MOST_MEGABYTES})`;
  return {
    title: `Resident memory of ${WORKERS} SIMD workers in MB: keras-example, 300 px, batch 128`,
    columns: ["step", "collected", "as it is"],
    rows: [FIRST, LAST].map((step) => [
      `${step}`,
      megabytes(collected[step - 1]!),
      megabytes(free[step - 1]!),
    ]),
    notes: [summary],
    data: { growth, most, collected, free },
    ...(broken ? { failure: summary } : {}),
  };
}

/** What each worker of a run holds after each step, in MB. */
async function residentSets(workerEntry: URL): Promise<number[][]> {
  const out = await Deno.makeTempDir({ prefix: "herd-bench-" });
  const sizes: number[][] = [];
  const pids = new Set<number>();
  try {
    await train(
      {
        workers: WORKERS,
        minWorkers: WORKERS,
        workerTimeout: 60,
        backend: "simd",
        epochs: Math.ceil(LAST / STEPS_AN_EPOCH),
        batchSize: 128,
        microBatch: 8,
        learningRate: 1e-4,
        momentum: 0,
        seed: 0,
        arms: ["gc"],
        model: "keras-example",
        data: "procedural",
        imageSize: 300,
        limit: null,
        out,
        resume: undefined,
        checkpointSteps: null,
        listen: { hostname: "127.0.0.1", port: 0 },
        token: undefined,
        tokenFile: undefined,
        environment: { cacheDir: cacheDirectory(Deno.env.toObject()) },
        workerEntry,
        version: "bench",
      },
      {
        ...silentReporter,
        member: (_what, { pid }) => pids.add(pid),
        step: () => sizes.push([...pids].map(residentMegabytes)),
      },
      new AbortController().signal,
    );
  } finally {
    await Deno.remove(out, { recursive: true });
  }
  return sizes;
}

function megabytes(sizes: readonly number[]): string {
  return sizes.map((size) => size.toFixed(1)).join(", ");
}

function residentMegabytes(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1000;
}
