// Whether a worker's memory grows: its resident set from steps 20 and 200 on, in a real run.
import { type Findings, trainEvents } from "./support.ts";

const FIRST = 20;
const LAST = 200;
/** The peak of so many steps is taken: garbage comes and goes between collections, a leak raises what they start at. */
const WINDOW = 80;
const LIMIT_MEGABYTES = 5;
const MOST_MEGABYTES = 700;
const STEPS_AN_EPOCH = 25;

/** Fails above 5 MB of growth or 700 MB. Linux only: it reads /proc. */
export async function leak(): Promise<Findings> {
  if (Deno.build.os !== "linux") throw new Error("bench --leak reads /proc: it needs Linux");
  const batch = 16;
  const args = [
    "--data",
    "procedural",
    "--backend",
    "simd",
    "--workers",
    "1",
    "--arms",
    "gc",
    "--batch-size",
    `${batch}`,
  ];
  const sizes = ["--limit", `${batch * STEPS_AN_EPOCH}`, "--epochs", `${Math.ceil((LAST + WINDOW) / STEPS_AN_EPOCH)}`];
  const samples = new Map<number, number[]>([[FIRST, []], [LAST, []]]);
  let pid = 0;
  let step = 0;
  for await (const event of trainEvents([...args, ...sizes])) {
    if (event["event"] === "worker" && event["what"] === "ready") pid = event["pid"] as number;
    if (event["event"] !== "step") continue;
    step++;
    const around = [FIRST, LAST].find((middle) => step >= middle && step < middle + WINDOW);
    if (around !== undefined) samples.get(around)!.push(await residentMegabytes(pid));
  }
  const seen = [...samples].map(([step, values]) => ({ step, megabytes: values[0]!, peak: Math.max(...values) }));
  const growth = seen[1]!.peak - seen[0]!.peak;
  const most = Math.max(...[...samples.values()].flat());
  const broken = growth > LIMIT_MEGABYTES || most > MOST_MEGABYTES;
  return {
    title: "Memory of a SIMD worker: keras-example, 300 px, leaves of 8",
    columns: ["step", "resident MB", `peak of ${WINDOW} steps`],
    rows: seen.map(({ step, megabytes, peak }) => [`${step}`, megabytes.toFixed(1), peak.toFixed(1)]),
    notes: [
      `the peak grew by ${growth.toFixed(1)} MB (limit ${LIMIT_MEGABYTES}); most ${
        most.toFixed(1)
      } MB (limit ${MOST_MEGABYTES})`,
    ],
    data: { seen, growth, most },
    ...(broken ? { failure: `The worker grew by ${growth.toFixed(1)} MB to at most ${most.toFixed(1)} MB` } : {}),
  };
}

async function residentMegabytes(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1000;
}
