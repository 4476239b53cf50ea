// deno-lint-ignore-file no-console -- a script: printing is what it does.
// `deno task bench`: how fast this machine is and where the time goes. Nothing here is part of the tests.
import "./adapter_environment.ts";
import { exitCodeOf, HerdError } from "../../shared/errors.ts";
import { parseArgs } from "@std/cli/parse-args";
import { armsOrder } from "./arms_order.ts";
import { dashboard } from "./dashboard.ts";
import { decode } from "./decode.ts";
import { dropoutShift } from "./dropout_shift.ts";
import { engines } from "./engines.ts";
import { kernels } from "./kernels.ts";
import { lastBatch } from "./last_batch.ts";
import { leak } from "./leak.ts";
import { peers } from "./peers.ts";
import { roofline } from "./predict.ts";
import { scale } from "./scale.ts";
import { scaling } from "./scaling.ts";
import { schedule } from "./schedule.ts";
import { step } from "./step.ts";
import { type Findings, progress, table } from "./support.ts";
import { tune } from "./tune.ts";
import { webgpuKernels } from "./webgpu_kernels.ts";
import { wire } from "./wire.ts";

const USAGE = `Usage: deno task bench [WHAT …] [--leak] [--tune] [--slow] [--json]

  kernels   the SIMD engine, kernel by kernel: ms an image, GFLOP/s, share of the core's 128-bit peak; with --backend webgpu
            the WebGPU engine, and the share of its adapter's multiply-add peak
  step      where a training step's time goes
  wire      all-reduce, broadcast and central step; --workers 1,4,16,64: what a step costs the coordinator, part by part;
            with --relays 8 also when these workers are behind so many relays
  schedule  what deciding costs the coordinator, over leaves and workers
  engines   training steps by engine, by turns, and stock TF.js; --slow takes tfjs-cpu too
  roofline  a step on this machine's WebGPU adapter, predicted from its measured figures, and measured; or only predicted, with
            --gpu h100|h100-pcie or with --teraflops N --bandwidth GB/S --dispatch-us N --transfer GB/S; --share 0.25 of the peak
            is what kernels are taken to reach, --fixed-ms what the host takes a step
  decode    packing 10,000 image files: images a second and memory, on one core and on all
  scaling   images a second with 1, 2 and 4 workers
  arms-order  whether the order of --arms moves the difference in seconds: ten runs of each, by turns
  dashboard  what three listeners to the dashboard cost the coordinator
  dropout-shift  what dropout before max-pool does to the test of a trained model: --model models/KEY of a run
  last-batch  what the last batch of an epoch does to the test after it: --run FOLDER of a run
  peers     Keras and PyTorch DDP beside Herd (HERD_PEERS, HERD_PEERS_PYTHON, HERD_DATA_DIR)

Without WHAT: kernels, step and wire. --leak: a worker's memory at steps 20 and 200 with garbage collected, and the most that it
holds without; exit code 1 if it grows by more than 5 MB or passes 700 MB.
--tune: tries tiles of the WebGPU engine's kernels on this adapter (--model keras-example|tiny, --image-size 300), keeps the
fastest ones that change no bits in the cache folder, where engines look for them, and shows what is gained. It takes minutes.
--json prints data instead of tables. Let nothing else run meanwhile.`;

/** Flags of the roofline with numbers, in the order of its options. */
const FIGURES = ["teraflops", "bandwidth", "dispatch-us", "transfer", "share", "fixed-ms"];
const strangers: string[] = [];
const note = (arg: string, key?: string) => key === undefined || void strangers.push(arg);
const flags = parseArgs(Deno.args, {
  boolean: ["leak", "tune", "slow", "json", "help"],
  string: ["workers", "relays", "model", "run", "backend", "gpu", "image-size", ...FIGURES],
  unknown: note,
});
const textOf = (name: string) => flags[name] === undefined ? undefined : `${flags[name]}`;
const numberOf = (name: string) => {
  const text = textOf(name);
  if (text === undefined) return undefined;
  if (Number(text) > 0) return Number(text);
  throw new HerdError("usage", `--${name} must be a number above 0: got "${text}"`);
};
/** @throws {HerdError} usage */
const kernelsOf = (backend = "simd") => {
  if (backend === "simd") return kernels();
  if (backend === "webgpu") return webgpuKernels();
  throw new HerdError("usage", `--backend cannot be "${backend}" with bench kernels: use simd or webgpu`);
};
const BENCHES: Readonly<Record<string, () => Promise<Findings>>> = {
  kernels: () => kernelsOf(textOf("backend")),
  roofline: () => {
    const [teraflops, bandwidth, dispatchUs, transfer, share, fixedMs] = FIGURES.map(numberOf);
    return roofline({ gpu: textOf("gpu"), teraflops, bandwidth, dispatchUs, transfer, share, fixedMs });
  },
  step,
  wire: () => flags["workers"] === undefined ? wire() : scale(`${flags["workers"]}`, `${flags["relays"] ?? ""}`),
  schedule,
  engines: () => engines(flags["slow"] === true),
  decode: () => decode(),
  scaling,
  "arms-order": () => armsOrder(),
  dashboard: () => dashboard(),
  "dropout-shift": () => dropoutShift(textOf("model")),
  "last-batch": () => lastBatch(textOf("run")),
  peers,
};

const wanted = flags["leak"] || flags["tune"] ? [] : flags._.length > 0 ? flags._ : ["kernels", "step", "wire"];
const unknown = strangers[0] ?? wanted.find((name) => !Object.hasOwn(BENCHES, name));
if (flags["help"] || unknown !== undefined) {
  console.log(unknown === undefined ? USAGE : `There is no bench "${unknown}".\n\n${USAGE}`);
  Deno.exit(unknown === undefined ? 0 : 2);
}

const found: Record<string, unknown> = {};
const run = async (name: string, bench: () => Promise<Findings>, count = "") => {
  progress.show(`Measuring ${name}${count}`);
  const findings = await bench();
  progress.clear();
  found[name] = findings.data;
  if (!flags["json"]) console.log(`${table(findings)}\n`);
  if (findings.failure === undefined) return;
  console.error(findings.failure);
  Deno.exitCode = 1;
};
try {
  for (const [i, name] of wanted.entries()) await run(name, BENCHES[name]!, ` (${i + 1} of ${wanted.length})`);
  if (flags["leak"]) await run("leak", leak);
  if (flags["tune"]) {
    const options = { model: textOf("model"), imageSize: numberOf("image-size") };
    await run("tune", () => tune(options, (line) => console.error(line)));
  }
  if (flags["json"]) console.log(JSON.stringify(found, null, 2));
} catch (error) {
  if (!(error instanceof HerdError)) throw error;
  console.error(`error: ${error.message}`);
  Deno.exitCode = exitCodeOf(error);
}
Deno.exit();
