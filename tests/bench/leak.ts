// Whether workers' memory grows: the resident set at steps 20 and 200 of the default experiment, garbage collected all the time;
// and how high it rises in a run that collects when it pleases.
import { EventBus } from "../../coordinator/events/mod.ts";
import { runTraining } from "../../coordinator/mod.ts";
import { dataEnvironment } from "../../data/mod.ts";
import { hearRun } from "../fixtures/hearing.ts";
import { runOptions } from "../fixtures/run_options.ts";
import type { Findings } from "./support.ts";

const FIRST = 20;
const LAST = 200;
/** Steps of the run as it is: its memory is at its highest early. */
const FREE = 54;
/** Between readings within a step: frames of 7 MB come and go, and the least of them is what a worker keeps. */
const INTERVAL_MS = 50;
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
  const collected = await residentSets(COLLECTED_WORKER, LAST);
  const free = await residentSets(WORKER, FREE);
  const [first, last] = [collected[FIRST - 1]!, collected[LAST - 1]!];
  const growth = Math.max(...last.map(({ least }, i) => least - first[i]!.least));
  const most = Math.max(...free.flat().map(({ most }) => most));
  const broken = growth > LIMIT_MEGABYTES || most > MOST_MEGABYTES;
  const summary = `A worker grew by ${growth.toFixed(1)} MB (limit ${LIMIT_MEGABYTES}); at most it held ${
    most.toFixed(1)
  } MB (limit ${MOST_MEGABYTES})`;
  return {
    title: `Resident memory of ${WORKERS} SIMD workers in MB: keras-example, 300 px, batch 128`,
    columns: ["", "MB of each worker"],
    rows: [
      [`step ${FIRST}, collected, least`, megabytes(first.map(({ least }) => least))],
      [`step ${LAST}, collected, least`, megabytes(last.map(({ least }) => least))],
      [`${FREE} steps as it is, most`, megabytes(mostOfEach(free))],
    ],
    notes: [summary],
    data: { growth, most, collected, free },
    ...(broken ? { failure: summary } : {}),
  };
}

/** What a worker holds during a step, in MB. */
interface Span {
  readonly least: number;
  readonly most: number;
}

/** What each worker of a run holds during each step. */
async function residentSets(workerEntry: URL, steps: number): Promise<Span[][]> {
  const out = await Deno.makeTempDir({ prefix: "herd-bench-" });
  const spans: Span[][] = [];
  const pids = new Set<number>();
  let readings: number[][] = [];
  const timer = setInterval(() => readings.push([...pids].map(residentMegabytes)), INTERVAL_MS);
  try {
    const epochs = Math.ceil(steps / STEPS_AN_EPOCH);
    const settings = { workers: WORKERS, backend: "simd", data: "procedural", epochs, arms: ["gc"], out } as const;
    const bus = new EventBus();
    using _ = bus.subscribe(
      "The bench",
      hearRun({
        member: (what, { pid }) => what === "ready" && pids.add(pid),
        step() {
          readings.push([...pids].map(residentMegabytes));
          spans.push([...pids].map((_, i) => spanOf(readings.map((sizes) => sizes[i]!))));
          readings = [];
        },
      }),
    );
    const options = runOptions(settings, { data: dataEnvironment(Deno.env.toObject()), workerEntry });
    await runTraining(options, bus, new AbortController().signal);
  } finally {
    clearInterval(timer);
    await Deno.remove(out, { recursive: true });
  }
  return spans;
}

function spanOf(sizes: readonly number[]): Span {
  const known = sizes.filter(Number.isFinite); // before the last worker was ready there are fewer
  return { least: Math.min(...known), most: Math.max(...known) };
}

function mostOfEach(spans: readonly (readonly Span[])[]): number[] {
  return spans[0]!.map((_, i) => Math.max(...spans.map((step) => step[i]!.most)));
}

function megabytes(sizes: readonly number[]): string {
  return sizes.map((size) => size.toFixed(1)).join(", ");
}

/** NaN when the process has ended. */
function residentMegabytes(pid: number): number {
  try {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1000;
  } catch {
    return NaN;
  }
}
