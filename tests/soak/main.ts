// deno-lint-ignore-file no-console -- a script: printing is what it does.
// `deno task soak`: a long run under random faults beside the same run without any. The weights must be the same bits; what the
// faults cost is printed.
import { join } from "node:path";
import { describeFaults, EventBus } from "../../coordinator/events/mod.ts";
import { type Report, type RunOptions, runTraining } from "../../coordinator/mod.ts";
import { dataEnvironment } from "../../data/mod.ts";
import { exitCodeOf, messageOf } from "../../shared/errors.ts";
import { choice, choices, describeFlags, number, parseFlags, text, toggle } from "../../shared/cli/flags.ts";
import { MODEL_NAMES } from "../../shared/model.ts";
import { median, table } from "../bench/support.ts";
import { hearRun } from "../fixtures/hearing.ts";
import { runOptions } from "../fixtures/run_options.ts";
import { Injector } from "./injector.ts";
import { planFaults, SOAK_FAULTS } from "./plan.ts";

const FLAGS = {
  minutes: number({ help: "length of each of the two runs", min: 0.1, whole: false }, 10),
  faults: choices(SOAK_FAULTS, "what happens", SOAK_FAULTS),
  every: number({ help: "seconds in which each kind of fault happens once", min: 1, whole: false }, 60),
  seed: number({ help: "of the faults' times and victims", min: 0, max: 2 ** 32 - 1 }, 0),
  workers: number({ help: "local worker processes", min: 1, max: 64 }, navigator.hardwareConcurrency),
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
}

type Flags = ReturnType<typeof parseFlags<typeof FLAGS>>["values"];

async function soak(flags: Flags): Promise<boolean> {
  const folder = await Deno.makeTempDir({ prefix: "herd-soak-" });
  try {
    const run = (name: string, epochs: number, injector?: Injector) =>
      timedRun(optionsOf(flags, { out: join(folder, name), epochs, token: injector?.token }), injector);
    // The first epoch is slower than the others: two tell how long one takes.
    const trial = await run("trial", 2);
    const perEpoch = trial.report.arms[0]!.epochs[1]!;
    const epochs = Math.max(2, Math.round(60 * flags.minutes / (perEpoch.seconds + perEpoch.testSeconds)));
    console.log(`${epochs} epochs of ${trial.steps.length / 2} steps; first without faults …`);
    const quiet = await run("quiet", epochs);
    console.log(`… ${quiet.seconds.toFixed(1)} s; now with ${flags.faults.join(", ")}, each once in ${flags.every} s:`);
    const plan = planFaults({ kinds: flags.faults, seconds: quiet.seconds, every: flags.every, seed: flags.seed });
    await using injector = new Injector({ plan, folder, runFolder: join(folder, "faulty") });
    const faulty = await run("faulty", epochs, injector);
    return tell(flags, { quiet, faulty, injector });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function optionsOf(
  flags: Flags,
  { out, epochs, token }: { readonly out: string; readonly epochs: number; readonly token: string | undefined },
): RunOptions {
  const { workers, model, data, imageSize, batchSize } = flags;
  const settings = {
    workers,
    model,
    data,
    imageSize,
    batchSize,
    out,
    epochs,
    arms: ["gc"],
    workerTimeout: 60,
  } as const;
  return runOptions(settings, { data: dataEnvironment(Deno.env.toObject()), workerEntry: WORKER_ENTRY, token });
}

async function timedRun(options: RunOptions, injector: Injector | undefined): Promise<Timed> {
  const steps: { seconds: number; end: number }[] = [];
  let start = 0;
  let before = 0;
  const bus = new EventBus();
  const told = (line: string) => injector === undefined ? undefined : console.log(`  ${line}`);
  using _ = bus.subscribe(
    "The soak",
    hearRun({
      notice: told,
      member(what, worker, reason) {
        injector?.hear(what, worker);
        if (what === "lost") told(`Worker  ${worker.id} is gone: ${reason}`);
      },
      step({ epoch, step, seconds }) {
        const now = performance.now() / 1000;
        if (epoch === 1 && step === 1) {
          start = now;
          injector?.start();
        }
        if (step === 1) before = 0;
        steps.push({ seconds: seconds - before, end: now - start });
        before = seconds;
      },
    }),
  );
  const report = await runTraining(options, bus, new AbortController().signal);
  return { report, seconds: performance.now() / 1000 - start, steps };
}

/** Prints what was found. @returns whether it is as it should be */
function tell(
  { faults, every }: Flags,
  { quiet, faulty, injector }: { readonly quiet: Timed; readonly faulty: Timed; readonly injector: Injector },
): boolean {
  const typical = medianByStep(quiet);
  const stepsAnEpoch = typical.length;
  // What a step took longer than usual is put down to the last fault before its end; a guest may make it shorter.
  const lost = new Map<string, number>();
  for (const [i, { seconds, end }] of faulty.steps.entries()) {
    const cause = injector.done.findLast(({ at }) => at <= end)?.kind ?? "before the first";
    lost.set(cause, (lost.get(cause) ?? 0) + seconds - typical[i % stepsAnEpoch]!);
  }
  const count = (kind: string) => injector.done.filter((one) => one.kind === kind).length;
  console.log(`\n${
    table({
      title: `${faulty.steps.length} steps, each kind of fault once in ${every} s`,
      columns: ["fault", "times", "seconds lost", "of the run"],
      rows: faults.map((kind) => {
        const seconds = lost.get(kind) ?? 0;
        return [kind, `${count(kind)}`, seconds.toFixed(1), percent(seconds / quiet.seconds)];
      }),
      data: undefined,
    })
  }`);
  const [before, after] = [quiet, faulty].map(({ report }) => report.arms[0]!.weightsSha256);
  const same = before === after;
  const untold = injector.done.length === 0 || !faulty.report.bitIdentical;
  const slower = faulty.seconds / quiet.seconds - 1;
  console.log(`\nQuiet   ${quiet.seconds.toFixed(1)} s, ${before}`);
  console.log(`Faulty  ${faulty.seconds.toFixed(1)} s, ${after}`);
  console.log(`Faults  ${describeFaults(faulty.report.faults) || "none"}`);
  console.log(`Lost    ${percent(slower / (1 + slower))} of the throughput`);
  console.log(same ? "The weights are the same bits." : "THE WEIGHTS DIFFER.");
  if (injector.done.length === 0) console.log("Nothing has happened: the run was too short for its faults.");
  if (!faulty.report.bitIdentical) console.log("Some workers got different bits where the same were to be expected.");
  const byKills = (lost.get("kill") ?? 0) / quiet.seconds;
  const tooMuch = every >= 60 && byKills > MOST_LOST_BY_KILLS;
  if (tooMuch) console.log(`Kills cost ${percent(byKills)}: more than ${percent(MOST_LOST_BY_KILLS)}.`);
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
It takes twice --minutes. Let nothing else run meanwhile.\n\nUsage: deno task soak [flags]\n\n${describeFlags(FLAGS)}\n
Exit code 1 if the weights differ, or if kills at most once a minute cost more than a tenth of the time.`);
  } else if (!await soak(values)) Deno.exitCode = 1;
} catch (error) {
  console.error(`error: ${messageOf(error)}`);
  Deno.exitCode = exitCodeOf(error);
}
Deno.exit();
