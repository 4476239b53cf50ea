// deno-lint-ignore-file no-console -- a script: printing is what it does.
// `deno task soak`: a long run under random faults beside the same run without any. The weights must be the same bits; what the
// faults cost is printed.
import { join } from "node:path";
import { describeFaults, EventBus } from "../../coordinator/events/mod.ts";
import { type Report, type RunOptions, runTraining } from "../../coordinator/mod.ts";
import { dataEnvironment } from "../../data/mod.ts";
import { exitCodeOf, messageOf } from "../../shared/errors.ts";
import { choice, choices, number, parseFlags, text, toggle } from "../../shared/cli/flags.ts";
import { describeFlags } from "../../shared/cli/help.ts";
import { COMPRESSIONS } from "../../shared/half.ts";
import { MODEL_NAMES } from "../../shared/model.ts";
import { median, table } from "../bench/support.ts";
import { hearRun } from "../fixtures/hearing.ts";
import { runOptions } from "../fixtures/run_options.ts";
import { Injector } from "./injector.ts";
import { planFaults, SOAK_FAULTS } from "./plan.ts";
import { Relays } from "./relays.ts";

const FLAGS = {
  minutes: number({ help: "length of the run with faults", min: 0.1, whole: false }, 10),
  "quiet-minutes": number({ help: "of it that is timed without faults before", min: 0.1, whole: false }, 5),
  faults: choices(SOAK_FAULTS, "what happens", SOAK_FAULTS),
  every: number({ help: "seconds in which each kind of fault happens once", min: 1, whole: false }, 60),
  seed: number({ help: "of the faults' times and victims", min: 0, max: 2 ** 32 - 1 }, 0),
  workers: number({ help: "local worker processes", min: 1, max: 64 }, navigator.hardwareConcurrency),
  relays: number({ help: "relays with one worker each, besides", min: 0, max: 64 }, 0),
  compress: choice(COMPRESSIONS, "how weights travel", "none"),
  model: choice(MODEL_NAMES, "network", "keras-example"),
  data: text("SET", "as in train", "auto"),
  "image-size": number({ help: "side of the images in pixels", min: 1 }, 300),
  "batch-size": number({ help: "images in a step", min: 1 }, 128),
  help: toggle("print this"),
};
/** The worker of the fault tests: SIGUSR2 makes its next gradient NaN. */
const WORKER_ENTRY = new URL("../fixtures/faulty_worker.ts", import.meta.url);
/** With one kill a minute. */
const MOST_LOST_BY_KILLS = 0.1;

/** What a run took. */
interface Timed {
  readonly report: Report;
  /** From the end of the first step to the last test. */
  readonly seconds: number;
  /** Of each training step, in order, and when it ended, in seconds since the end of the first. */
  readonly steps: readonly { readonly seconds: number; readonly end: number }[];
  /** SHA-256 of the weights after each epoch. */
  readonly hashes: readonly string[];
}

type Flags = ReturnType<typeof parseFlags<typeof FLAGS>>["values"];

/** Who may hear of a run. */
interface Ears {
  readonly injector?: Injector;
  readonly relays: Relays;
}

async function soak(flags: Flags): Promise<boolean> {
  const folder = await Deno.makeTempDir({ prefix: "herd-soak-" });
  const token = crypto.getRandomValues(new Uint8Array(32)).toHex();
  const tokenFile = join(folder, "token");
  await Deno.writeTextFile(tokenFile, token, { mode: 0o600 });
  const newRelays = () => new Relays({ count: flags.relays, folder, tokenFile });
  try {
    const run = async (
      name: string,
      more: { readonly epochs: number; readonly resume?: string },
      ears: Ears = { relays: newRelays() },
    ) => {
      await using _ = ears.relays;
      return await timedRun(optionsOf(flags, { out: join(folder, name), token, ...more }), ears);
    };
    // The first epoch is slower than the others: two tell how long one takes.
    const trial = await run("trial", { epochs: 2 });
    const perEpoch = trial.report.arms[0]!.epochs[1]!;
    const epochsIn = (minutes: number) =>
      Math.max(2, Math.round(60 * minutes / (perEpoch.seconds! + perEpoch.testSeconds)));
    const epochs = epochsIn(flags.minutes);
    const timed = Math.min(epochs, epochsIn(flags.quietMinutes));
    console.log(`${epochs} epochs of ${trial.steps.length / 2} steps; first ${timed} without faults …`);
    const quiet = await run("quiet", { epochs: timed });
    const expected = quiet.seconds * epochs / timed;
    console.log(`… ${quiet.seconds.toFixed(1)} s; now with ${flags.faults.join(", ")}, each once in ${flags.every} s:`);
    const plan = planFaults({ kinds: flags.faults, seconds: expected, every: flags.every, seed: flags.seed });
    const runFolder = join(folder, "faulty");
    const relays = newRelays();
    await using injector = new Injector({ plan, folder, runFolder, tokenFile, others: () => relays.pids });
    const faulty = await run("faulty", { epochs }, { injector, relays });
    tell(flags, { quiet, expected, faulty, injector });
    console.log(timed < epochs ? "\nThe rest without faults, which is not timed …" : "");
    const whole = timed < epochs ? await run("quiet", { epochs, resume: join(folder, "quiet") }) : quiet;
    return judge(flags, { whole, expected, faulty, injector });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function optionsOf(
  flags: Flags,
  { token, ...more }: {
    readonly out: string;
    readonly epochs: number;
    readonly resume?: string;
    readonly token: string;
  },
): RunOptions {
  const { workers, relays, model, data, imageSize, batchSize, compress } = flags;
  const settings = { workers, model, data, imageSize, batchSize, compress, arms: ["gc"], workerTimeout: 60 } as const;
  return runOptions({ ...settings, ...more }, {
    data: dataEnvironment(Deno.env.toObject()),
    workerEntry: WORKER_ENTRY,
    token,
    minWorkers: workers + relays,
  });
}

async function timedRun(options: RunOptions, { injector, relays }: Ears): Promise<Timed> {
  const steps: { seconds: number; end: number }[] = [];
  const hashes: string[] = [];
  let start = 0;
  let before = 0;
  const bus = new EventBus();
  const told = (line: string) => injector === undefined ? undefined : console.log(`  ${line}`);
  using _ears = bus.subscribe("The relays", (event) => {
    if (event.type === "run") relays.start(addressIn(event.folder));
    if (event.type === "epoch") hashes.push(event.weightsSha256);
  });
  using _ = bus.subscribe(
    "The soak",
    hearRun({
      notice: told,
      member(what, worker, reason) {
        injector?.hear(what, worker);
        if (what === "lost") told(`Worker  ${worker.id} is gone: ${reason}`);
      },
      step({ step, seconds: known }) {
        const now = performance.now() / 1000;
        if (start === 0) {
          start = now;
          injector?.start();
        }
        if (step === 1) before = 0;
        const seconds = known ?? 0; // of the process's first step
        steps.push({ seconds: seconds - before, end: now - start });
        before = seconds;
      },
    }),
  );
  const report = await runTraining(options, bus, new AbortController().signal);
  return { report, seconds: performance.now() / 1000 - start, steps, hashes };
}

/** Where the coordinator of a run is found. */
function addressIn(folder: string): string {
  return JSON.parse(Deno.readTextFileSync(join(folder, "config.json"))).address;
}

/** What is compared at the end. */
interface Found {
  /** What the run would take without faults, in seconds. */
  readonly expected: number;
  readonly faulty: Timed;
  readonly injector: Injector;
}

/** Prints what the faults cost. */
function tell(
  { faults, every }: Flags,
  { quiet, expected, faulty, injector }: Found & { readonly quiet: Timed },
): void {
  const lost = lostBy(quiet, { faulty, injector });
  console.log(`\n${
    table({
      title: `${faulty.steps.length} steps, each kind of fault once in ${every} s`,
      columns: ["fault", "times", "seconds lost", "seconds a fault"],
      rows: faults.map((kind) => {
        const times = injector.done.filter((one) => one.kind === kind).length;
        const seconds = lost.get(kind) ?? 0;
        return [kind, `${times}`, seconds.toFixed(1), times === 0 ? "" : (seconds / times).toFixed(2)];
      }),
      data: undefined,
    })
  }`);
  const stall = Math.max(0, faulty.seconds - expected) / Math.max(1, injector.done.length);
  console.log(
    `\nQuiet      ${expected.toFixed(1)} s, from ${quiet.seconds.toFixed(1)} s of ${quiet.hashes.length} epochs`,
  );
  console.log(`Faulty     ${faulty.seconds.toFixed(1)} s, ${injector.done.length} faults`);
  console.log(`Effective  ${percent(expected / faulty.seconds)} of the time; ${stall.toFixed(2)} s lost a fault`);
  console.log(`Mended     ${describeFaults(faulty.report.faults) || "nothing"}`);
}

/** What a step took longer than usual is put down to the last fault before its end; a guest may make it shorter. */
function lostBy(quiet: Timed, { faulty, injector }: Pick<Found, "faulty" | "injector">): Map<string, number> {
  const typical = medianByStep(quiet);
  const lost = new Map<string, number>();
  for (const [i, { seconds, end }] of faulty.steps.entries()) {
    const cause = injector.done.findLast(({ at }) => at <= end)?.kind ?? "before the first";
    lost.set(cause, (lost.get(cause) ?? 0) + seconds - typical[i % typical.length]!);
  }
  return lost;
}

/** @returns whether all is as it should be */
function judge(
  { faults, every }: Flags,
  { whole, expected, faulty, injector }: Found & { readonly whole: Timed },
): boolean {
  const [before, after] = [whole, faulty].map(({ report }) => report.arms[0]!.weightsSha256);
  const same = before === after;
  console.log(`Weights    ${before} without faults\n           ${after} with them`);
  console.log(same ? "The weights are the same bits." : "THE WEIGHTS DIFFER.");
  const untold = injector.done.length === 0 || !faulty.report.bitIdentical;
  if (injector.done.length === 0) console.log("Nothing has happened: the run was too short for its faults.");
  if (!faulty.report.bitIdentical) console.log("Some workers got different bits where the same were to be expected.");
  const lost = 1 - expected / faulty.seconds;
  const tooMuch = every >= 60 && faults.join() === "kill" && lost > MOST_LOST_BY_KILLS;
  if (tooMuch) console.log(`Kills cost ${percent(lost)}: more than ${percent(MOST_LOST_BY_KILLS)}.`);
  return same && !untold && !tooMuch;
}

/** What each step of an epoch usually takes: the last one has fewer samples. */
function medianByStep({ steps, report }: Timed): number[] {
  const count = steps.length / report.arms[0]!.epochs.length;
  return Array.from({ length: count }, (_, i) => {
    return median(steps.filter((_step, j) => j % count === i).map(({ seconds }) => seconds));
  });
}

function percent(part: number): string {
  return `${(100 * part).toFixed(1)} %`;
}

try {
  const { values } = parseFlags(FLAGS, Deno.args);
  if (values.help) {
    console.log(`A long run under random faults beside the same run without any: same weights, and what the faults cost.
It takes twice --minutes; let nothing else run until it says that the rest is not timed.\n\nUsage: deno task soak [flags]\n\n${
      describeFlags(FLAGS)
    }\n
Exit code 1 if the weights differ, or if kills at most once a minute cost more than a tenth of the time.`);
  } else if (!await soak(values)) Deno.exitCode = 1;
} catch (error) {
  console.error(`error: ${messageOf(error)}`);
  Deno.exitCode = exitCodeOf(error);
}
Deno.exit();
