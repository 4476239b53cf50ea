// `deno task train`: flags in, what a run needs out; what contradicts itself is refused before anything starts.
import { dataEnvironment } from "../../data/mod.ts";
import { isLoopback } from "../../shared/addresses.ts";
import { readServerCertificate, type ServerCertificate } from "../../shared/certificates.ts";
import { type Command, command, type Surroundings } from "../../shared/cli/command.ts";
import { interruptible } from "../../shared/cli/interruptible.ts";
import { readToken } from "../../shared/cli/token_file.ts";
import { HerdError } from "../../shared/errors.ts";
import { EventBus, type Subscription } from "../events/mod.ts";
import { readLauncher } from "../launch/mod.ts";
import { jsonLines, Terminal } from "../report/mod.ts";
import { refuseContradictions } from "./contradictions.ts";
import { resumedSettings } from "./resume.ts";
import { runTraining } from "./run.ts";
import type { RunOptions, TrainParts } from "./run_options.ts";
import { parseAddress } from "./listen_address.ts";
import { type Settings, trainFlags } from "./settings.ts";
import { refuseUnsafeDashboard, watchOf } from "./watch.ts";

/** What is looked at of workers that this coordinator cannot trust. */
const VERIFY = 0.01;
/** What the printer gets to say what it still has to say, at the end and after an interruption. */
const SETTLE_MS = 5_000;
const INTERRUPTED_SETTLE_MS = 500;

/** The command that trains and compares the arms. */
export function trainCommand(parts: TrainParts): Command {
  return command({
    summary: "Train the arms and compare them",
    usage: "[flags]",
    examples: [
      ["train --workers 4", "the experiment: two arms of 10 epochs, then the comparison"],
      ["train --data photos --seeds 10", "ten pairs on your own images, for a verdict with an interval"],
      ["train --resume runs/A", "goes on with a run that was broken off, to the same bits"],
    ],
    flags: trainFlags,
    async run(given, surroundings) {
      const { values } = given;
      const { settings, notTaken } = values.resume === undefined
        ? { settings: values, notTaken: "" }
        : await resumedSettings(values.resume, given);
      const bus = new EventBus();
      using printer = listenTo(bus, settings, surroundings);
      await interruptible(async (signal, stop) => {
        await using open = new AsyncDisposableStack();
        try {
          if (notTaken !== "") bus.emit({ type: "notice", text: notTaken });
          const options = await runOptions(settings, { parts, surroundings, given: given.given });
          sayIfIdle(bus, settings, options.launcher.count);
          const watch = watchOf(options, { surroundings, bus, open, stop });
          await runTraining({ ...options, ...watch === undefined ? {} : { watch } }, bus, signal);
        } finally {
          await printer.settle(signal.aborted ? INTERRUPTED_SETTLE_MS : SETTLE_MS);
          surroundings.progress.clear();
        }
      });
    },
  });
}

/** People read the terminal's lines, programs the events as JSON. */
function listenTo(
  bus: EventBus,
  { json, quiet, verbose }: Settings,
  { print, printLater, progress }: Surroundings,
): Subscription {
  if (json) return bus.subscribe("--json", jsonLines(printLater));
  return bus.subscribe("The terminal", new Terminal({ print, progress, quiet, verbose }).hear);
}

/** Tells of workers that will have nothing to do. */
export function sayIfIdle(bus: EventBus, { batchSize, microBatch }: Settings, workers: number): void {
  const busy = Math.ceil(batchSize / microBatch);
  if (workers <= busy) return;
  const text = `A step has ${busy} micro-batches: ${workers - busy} of ${workers} workers will have none`;
  bus.emit({ type: "notice", text });
}

/** What the settings mean here. @throws {HerdError} usage, for what contradicts itself or cannot work */
export async function runOptions(
  settings: Settings,
  { parts, surroundings: { environment, version }, given }: {
    readonly parts: TrainParts;
    readonly surroundings: Pick<Surroundings, "environment" | "version">;
    readonly given: ReadonlySet<string>;
  },
): Promise<RunOptions> {
  if (settings.compressGradients && settings.compress === "none") {
    throw new HerdError("usage", "--compress-gradients is given without --compress: give --compress fp16 or bf16 too");
  }
  refuseContradictions(settings);
  if (settings.json && settings.quiet) {
    throw new HerdError("usage", "--quiet is for text, and --json prints none: give one of them");
  }
  refuseUnsafeDashboard(settings);
  const listen = parseAddress(settings.listen, "--listen");
  const token = settings.tokenFile === undefined ? undefined : await readToken(settings.tokenFile);
  const elsewhere = settings.launcher !== "local";
  if (elsewhere && given.has("workers")) {
    const instead = "with ssh say workers=K in the hosts file, with slurm ask sbatch for tasks";
    throw new HerdError("usage", `--workers ${settings.workers} counts local workers: ${instead}`);
  }
  // With local workers the choice is made here once; others choose for themselves.
  const engine = elsewhere || settings.workers === 0 ? undefined : await parts.chooseEngine(settings.backend);
  const local = engine === undefined ? { count: 0, gpus: [] } : await parts.localWorkers(engine, settings.workers);
  const launcher = await readLauncher(settings.launcher, { local, env: environment });
  if (launcher.fromOutside && isLoopback(listen.hostname)) {
    const remedy = `give --listen 0.0.0.0:0 with --launcher ${settings.launcher}`;
    throw new HerdError("usage", `Workers on other machines cannot reach --listen ${settings.listen}: ${remedy}`);
  }
  const tls = await serverCertificate(settings);
  // A launcher hands out a token that is made up; whoever comes by himself must be given one.
  const strangersCome = token === undefined && !launcher.fromOutside;
  refuseUnsafe(settings, { isOpen: !isLoopback(listen.hostname), strangersCome, tls });
  const outsiders = token !== undefined || !launcher.isOwn;
  const verify = settings.verify ?? (outsiders && !settings.compressGradients ? VERIFY : 0);
  if (verify > 0 && settings.compressGradients) {
    const why = "sums of compressed gradients depend on who computes what, so nobody can tell a wrong one";
    throw new HerdError("usage", `--verify ${verify} cannot work with --compress-gradients: ${why}; give one of them`);
  }
  const minWorkers = settings.minWorkers ?? Math.max(1, launcher.count);
  if (minWorkers > launcher.count && token === undefined) {
    const others = `${minWorkers} workers are awaited and ${launcher.count} started here`;
    throw new HerdError("usage", `${others}: the others need --token-file`);
  }
  return {
    settings,
    backend: engine?.name ?? settings.backend,
    fallsBack: settings.backend === "auto",
    launcher,
    minWorkers,
    verify,
    listen,
    token,
    tls,
    data: dataEnvironment(environment),
    workerEntry: parts.workerEntry,
    version,
    ...(engine === undefined ? {} : { memoryOf: (model) => parts.engineMemory(engine.name, model) }),
  };
}

function refuseUnsafe(
  { listen, insecure }: Settings,
  { isOpen, strangersCome, tls }: {
    readonly isOpen: boolean;
    readonly strangersCome: boolean;
    readonly tls: ServerCertificate | undefined;
  },
): void {
  if (!isOpen) return;
  const refuse = (what: string) => new HerdError("usage", `--listen ${listen} can be reached from outside: ${what}`);
  if (strangersCome) throw refuse("give --token-file too");
  if (tls !== undefined || insecure) return;
  throw refuse(
    'give --tls-cert and --tls-key (README, "Several machines", has the command that makes them), ' +
      "or say --insecure in a network that you trust",
  );
}

/** The certificate that --tls-cert and --tls-key name: both or neither. */
async function serverCertificate(
  { tlsCert: cert, tlsKey: key, insecure }: Settings,
): Promise<ServerCertificate | undefined> {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    const [given, missing] = cert === undefined ? ["--tls-key", "--tls-cert"] : ["--tls-cert", "--tls-key"];
    throw new HerdError("usage", `${given} is given without ${missing}: give both`);
  }
  if (insecure) throw new HerdError("usage", "--insecure contradicts --tls-cert: give one of them");
  return await readServerCertificate(cert, key);
}
