// deno-lint-ignore-file no-console -- a script: printing is what it does.
// `deno task bench`: how fast this machine is and where the time goes. Nothing here is part of the tests.
import { exitCodeOf, HerdError } from "../../shared/errors.ts";
import { parseArgs } from "@std/cli/parse-args";
import { armsOrder } from "./arms_order.ts";
import { dropoutShift } from "./dropout_shift.ts";
import { engines } from "./engines.ts";
import { kernels } from "./kernels.ts";
import { lastBatch } from "./last_batch.ts";
import { leak } from "./leak.ts";
import { peers } from "./peers.ts";
import { scale } from "./scale.ts";
import { scaling } from "./scaling.ts";
import { schedule } from "./schedule.ts";
import { step } from "./step.ts";
import { type Findings, table } from "./support.ts";
import { wire } from "./wire.ts";

const USAGE = `Usage: deno task bench [WHAT …] [--leak] [--slow] [--json]

  kernels   the SIMD engine, kernel by kernel: ms an image, GFLOP/s, share of the core's 128-bit peak
  step      where a training step's time goes
  wire      all-reduce, broadcast and central step; --workers 1,4,16,64: what a step costs the coordinator, part by part;
            with --relays 8 also when these workers are behind so many relays
  schedule  what deciding costs the coordinator, over leaves and workers
  engines   images a second by engine, and stock TF.js; --slow takes tfjs-cpu too
  scaling   images a second with 1, 2 and 4 workers
  arms-order  whether the order of --arms moves the difference in seconds: ten runs of each, by turns
  dropout-shift  what dropout before max-pool does to the test of a trained model: --model models/KEY of a run
  last-batch  what the last batch of an epoch does to the test after it: --run FOLDER of a run
  peers     Keras and PyTorch DDP beside Herd (HERD_PEERS, HERD_PEERS_PYTHON, HERD_DATA_DIR)

Without WHAT: kernels, step and wire. --leak: a worker's memory at steps 20 and 200 with garbage collected, and the most that it
holds without; exit code 1 if it grows by more than 5 MB or passes 700 MB.
--json prints data instead of tables. Let nothing else run meanwhile.`;

const strangers: string[] = [];
const note = (arg: string, key?: string) => key === undefined || void strangers.push(arg);
const flags = parseArgs(Deno.args, {
  boolean: ["leak", "slow", "json", "help"],
  string: ["workers", "relays", "model", "run"],
  unknown: note,
});
const textOf = (name: string) => flags[name] === undefined ? undefined : `${flags[name]}`;
const BENCHES: Readonly<Record<string, () => Promise<Findings>>> = {
  kernels: () => kernels(),
  step,
  wire: () => flags["workers"] === undefined ? wire() : scale(`${flags["workers"]}`, `${flags["relays"] ?? ""}`),
  schedule,
  engines: () => engines(flags["slow"] === true),
  scaling,
  "arms-order": () => armsOrder(),
  "dropout-shift": () => dropoutShift(textOf("model")),
  "last-batch": () => lastBatch(textOf("run")),
  peers,
};

const wanted = flags["leak"] ? [] : flags._.length > 0 ? flags._ : ["kernels", "step", "wire"];
const unknown = strangers[0] ?? wanted.find((name) => !Object.hasOwn(BENCHES, name));
if (flags["help"] || unknown !== undefined) {
  console.log(unknown === undefined ? USAGE : `There is no bench "${unknown}".\n\n${USAGE}`);
  Deno.exit(unknown === undefined ? 0 : 2);
}

const found: Record<string, unknown> = {};
const run = async (name: string, bench: () => Promise<Findings>) => {
  const findings = await bench();
  found[name] = findings.data;
  if (!flags["json"]) console.log(`${table(findings)}\n`);
  if (findings.failure === undefined) return;
  console.error(findings.failure);
  Deno.exitCode = 1;
};
try {
  for (const name of wanted) await run(name, BENCHES[name]!);
  if (flags["leak"]) await run("leak", leak);
  if (flags["json"]) console.log(JSON.stringify(found, null, 2));
} catch (error) {
  if (!(error instanceof HerdError)) throw error;
  console.error(`error: ${error.message}`);
  Deno.exitCode = exitCodeOf(error);
}
Deno.exit();
