// Herd's command line. `deno task train --workers 4` is the main job; `deno task train --help` shows every flag. Each command
// lives in the room that it commands; what it needs of another one is handed to it here.
// deno-lint-ignore-file no-console -- the command line is what prints
import denoJson from "./deno.json" with { type: "json" };
import {
  evaluateCommand,
  learnability,
  modelCommand,
  predictCommand,
  RelayWorkers,
  reportCommand,
  trainCommand,
} from "./coordinator/mod.ts";
import { dataCommand } from "./data/mod.ts";
import { parts } from "./parts.ts";
import { type Command, runCommand } from "./shared/cli/command.ts";
import { consoleOf } from "./shared/cli/console.ts";
import { exitCodeOf, HerdError, messageOf } from "./shared/errors.ts";
import { chooseEngine, doctorCommand, localWorkers, runRemoteWorker, serveOrder, workerCommand } from "./worker/mod.ts";

const { workerEntry } = parts;
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

const writeError = (text: string) => void Deno.stderr.writeSync(new TextEncoder().encode(text));
const { print, complain, ...screen } = consoleOf({
  out: (line) => console.log(line),
  error: (line) => console.error(line),
  outLater: (bytes) => Deno.stdout.write(bytes),
  live: Deno.stderr.isTerminal() ? { write: writeError, columns: () => Deno.consoleSize().columns } : undefined,
  colour: Deno.stdout.isTerminal() && !Deno.env.get("NO_COLOR"),
});

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
