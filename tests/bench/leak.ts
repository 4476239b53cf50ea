// Whether a worker's memory grows: its resident set at steps 20 and 200 of a real run.
import { type Findings, trainEvents } from "./support.ts";

const FIRST = 20;
const LAST = 200;
const LIMIT_MEGABYTES = 5;
const STEPS_AN_EPOCH = 25;

/** Fails above 5 MB of growth. Linux only: it reads /proc. */
export async function leak(): Promise<Findings> {
  if (Deno.build.os !== "linux") throw new Error("bench --leak reads /proc: it needs Linux");
  const batch = 8;
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
  const sizes = ["--limit", `${batch * STEPS_AN_EPOCH}`, "--epochs", `${Math.ceil(LAST / STEPS_AN_EPOCH)}`];
  const seen: { step: number; megabytes: number }[] = [];
  let pid = 0;
  let step = 0;
  for await (const event of trainEvents([...args, ...sizes])) {
    if (event["event"] === "worker" && event["what"] === "ready") pid = event["pid"] as number;
    if (event["event"] !== "step") continue;
    step++;
    if (step === FIRST || step === LAST) seen.push({ step, megabytes: await residentMegabytes(pid) });
  }
  const growth = seen[1]!.megabytes - seen[0]!.megabytes;
  return {
    title: "Memory of a SIMD worker: keras-example, 300 px, leaves of 8",
    columns: ["step", "resident MB"],
    rows: seen.map(({ step, megabytes }) => [`${step}`, megabytes.toFixed(1)]),
    notes: [`growth ${growth.toFixed(1)} MB, limit ${LIMIT_MEGABYTES} MB`],
    data: { seen, growth },
    ...(growth > LIMIT_MEGABYTES ? { failure: `The worker grew by ${growth.toFixed(1)} MB` } : {}),
  };
}

async function residentMegabytes(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1000;
}
