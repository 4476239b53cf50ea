/**
 * Herd. As a program it is the command line: `deno task train --workers 4` is the main job, and `deno task help` lists all
 * commands. To a program that imports it it is {@linkcode train}, which runs a paired experiment on the program's own data.
 * Each command lives in the room that it commands; what it needs of another one is handed to it here.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- the command line is what prints
import denoJson from "./deno.json" with { type: "json" };
import {
  evaluateCommand,
  learnability,
  modelCommand,
  predictCommand,
  RelayWorkers,
  type Report,
  reportCommand,
  trainCommand,
  trainerOf,
  type TrainOptions,
  type TrainParts,
} from "./coordinator/mod.ts";
import { dataCommand } from "./data/mod.ts";
import { type Command, runCommand } from "./shared/cli/command.ts";
import { consoleOf } from "./shared/cli/console.ts";
import { exitCodeOf, HerdError, messageOf } from "./shared/errors.ts";
import {
  chooseEngine,
  doctorCommand,
  engineMemory,
  localWorkers,
  runRemoteWorker,
  serveOrder,
  workerCommand,
} from "./worker/mod.ts";

export type {
  ArmName,
  ArmReport,
  Comparison,
  EpochRecord,
  Metric,
  PairReport,
  Plan,
  Report,
  RunEvent,
  RunKey,
  TimedEvent,
  TrainOptions,
  Verdict,
  WorkerReport,
} from "./coordinator/mod.ts";
export type { MadeImage, MadeImages } from "./data/mod.ts";
export { type ErrorCode, HerdError } from "./shared/errors.ts";

const workerEntry = new URL("./worker/main.ts", import.meta.url);
/** What the coordinator is handed of the workers' side: the two do not know each other. */
const parts: TrainParts = { workerEntry, chooseEngine, localWorkers, engineMemory };
/** As the first argument: this process is a relay, which `deno task worker --relay` has started with few permissions. */
const RELAY = "relay-process";

/** The first three are those that most people need. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  train: trainCommand(parts),
  report: reportCommand(),
  predict: predictCommand(parts),
  evaluate: evaluateCommand(parts),
  worker: workerCommand({
    worker: { entry: workerEntry, args: [] },
    relay: { entry: new URL(import.meta.url), args: [RELAY] },
  }),
  data: dataCommand({ learnability: (options, signal) => learnability({ ...options, ...parts }, signal) }),
  model: modelCommand(parts),
  doctor: doctorCommand(),
};

const runTrain = trainerOf({ ...parts, version: denoJson.version });

/**
 * Trains the arms and compares them, as `deno task train` does, and prints nothing. It leaves a folder as the command does,
 * under runs/ where nothing else is said. One run at a time in a process is meant; the program needs all permissions (-A).
 * @returns what report.json says
 * @throws {HerdError} as the command, in the same sentences: usage, for an option that is unknown, bad or contradicts another;
 * data; cluster; divergence; interrupted, when the signal aborts. And what `onEvent` or the program's images throw.
 */
export function train(options: TrainOptions = {}): Promise<Report> {
  return runTrain(options);
}

/** One worker of a coordinator, and the workers of this machine behind it. */
function serveRelay(): Promise<never> {
  return serveOrder(async ({ relay: told, ...order }, { cacheDir, log }) => {
    if (told === undefined) throw new HerdError("usage", "A relay's order must say how long it waits for its workers");
    const { workers, gpus = { count: 1, tags: [] }, joinTimeout, workerTimeout } = told;
    await using relay = new RelayWorkers({ joinTimeout, workerTimeout, cacheDir: cacheDir(), workerEntry, log });
    await runRemoteWorker({
      ...order,
      cacheDir: cacheDir(),
      log,
      async prepare(run, path) {
        const cachePath = await path;
        const engine = await chooseEngine(run.backend);
        // It may not look for itself what its parent has found.
        const local = await localWorkers(engine, workers, () => Promise.resolve(gpus));
        const started = { backend: engine.name, workers: local.count, gpus: local.gpus };
        return await relay.prepare({ ...run, cachePath, ...started });
      },
    });
  });
}

if (import.meta.main) {
  if (Deno.args[0] === RELAY) await serveRelay();
  const writeError = (text: string) => void Deno.stderr.writeSync(new TextEncoder().encode(text));
  const { print, complain, ...screen } = consoleOf({
    out: (line) => console.log(line),
    error: (line) => console.error(line),
    outLater: (bytes) => Deno.stdout.write(bytes),
    live: Deno.stderr.isTerminal() ? { write: writeError, columns: () => Deno.consoleSize().columns || 80 } : undefined,
    colour: Deno.stdout.isTerminal() && !Deno.env.get("NO_COLOR"),
  });
  try {
    const environment = Deno.env.toObject();
    await runCommand(COMMANDS, Deno.args, { version: denoJson.version, environment, print, complain, ...screen });
  } catch (error) {
    complain(`${error instanceof HerdError ? "error" : "bug"}: ${messageOf(error)}`);
    const verbose = Deno.args.includes("--verbose") || !(error instanceof HerdError);
    if (verbose && error instanceof Error && error.stack) complain(error.stack);
    Deno.exitCode = exitCodeOf(error);
  }
  Deno.exit();
}
