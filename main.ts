// Herd's command line. `deno task train --workers 4` is the main job; `deno task train --help` shows every flag. Each command
// lives in the room that it commands; what it needs of another one is handed to it here.
// deno-lint-ignore-file no-console -- the command line is what prints
import denoJson from "./deno.json" with { type: "json" };
import { learnability, RelayWorkers, reportCommand, trainCommand } from "./coordinator/mod.ts";
import { dataCommand } from "./data/mod.ts";
import { type Command, runCommand, type Surroundings } from "./shared/cli/command.ts";
import { ProgressLine } from "./shared/cli/progress_line.ts";
import { exitCodeOf, HerdError, messageOf } from "./shared/errors.ts";
import { chooseEngine, doctorCommand, localWorkers, workerCommand } from "./worker/mod.ts";

const workerEntry = new URL("./worker/main.ts", import.meta.url);
const parts = { workerEntry, chooseEngine, localWorkers };

const COMMANDS: Readonly<Record<string, Command>> = {
  train: trainCommand(parts),
  worker: workerCommand({ startRelay: (settings) => new RelayWorkers({ ...settings, workerEntry }) }),
  data: dataCommand({ learnability: (options, signal) => learnability({ ...options, ...parts }, signal) }),
  doctor: doctorCommand(),
  report: reportCommand(),
};

const encoder = new TextEncoder();

function surroundings(): Surroundings {
  return {
    version: denoJson.version,
    environment: Deno.env.toObject(),
    print: (line) => console.log(line),
    async printLater(line) {
      const bytes = encoder.encode(`${line}\n`);
      for (let done = 0; done < bytes.length;) done += await Deno.stdout.write(bytes.subarray(done));
    },
    progress: new ProgressLine((text) => Deno.stderr.writeSync(encoder.encode(text)), Deno.stderr.isTerminal()),
    colour: Deno.stdout.isTerminal() && !Deno.env.get("NO_COLOR"),
  };
}

if (import.meta.main) {
  try {
    await runCommand(COMMANDS, Deno.args, surroundings());
  } catch (error) {
    console.error(`${error instanceof HerdError ? "error" : "bug"}: ${messageOf(error)}`);
    const verbose = Deno.args.includes("--verbose") || !(error instanceof HerdError);
    if (verbose && error instanceof Error) console.error(error.stack);
    Deno.exitCode = exitCodeOf(error);
  }
  Deno.exit();
}
