// Herd's command line. `deno task train --workers 4` is the main job; `deno task train --help` shows every flag.
// deno-lint-ignore-file no-console -- the command line is what prints
import { join } from "node:path";
import denoJson from "./deno.json" with { type: "json" };
import {
  ARM_NAMES,
  finalBlock,
  interrupted,
  JsonLinesReporter,
  learnability,
  parseReport,
  ProgressLine,
  readLauncher,
  readRunConfig,
  RelayWorkers,
  type Reporter,
  reportHtml,
  TerminalReporter,
  train,
} from "./coordinator/mod.ts";
import { cacheDirectory, checkDataset, type DataEnvironment, resolveDataset } from "./data/mod.ts";
import { coordinatorUrl, isLoopback } from "./shared/addresses.ts";
import { readAuthority, readServerCertificate, type ServerCertificate } from "./shared/certificates.ts";
import { BACKENDS, type EngineName } from "./shared/engine_names.ts";
import { exitCodeOf, HerdError, messageOf } from "./shared/errors.ts";
import {
  choice,
  choices,
  describeFlags,
  type Flags,
  nearest,
  number,
  parseFlags,
  text,
  toggle,
  type Values,
} from "./shared/cli/flags.ts";
import { COMPRESSIONS } from "./shared/half.ts";
import { MODEL_NAMES } from "./shared/model.ts";
import { MOST } from "./shared/protocol.ts";
import { takeUp } from "./shared/cli/stored_flags.ts";
import { chooseEngine, type RemoteWorkerOptions, runRemoteWorker, type TriedEngine, tryEngines } from "./worker/mod.ts";

const VERSION = denoJson.version;
const WORKER_ENTRY = new URL("./worker/main.ts", import.meta.url);
const MAX_SEED = 2 ** 32 - 1;

const common = {
  verbose: toggle("more lines, and the stack trace of an error"),
  version: toggle("print the version"),
  help: toggle("print this"),
};
const dataFlags = {
  data: text("SET", "auto, horses-or-humans, procedural, or a folder or zip of two classes", "auto"),
  "image-size": number({ help: "side of the images in pixels (area average)", min: 1, max: MOST.imageSize }, 300),
};
const backendFlag = choice(BACKENDS, "engine of the workers", "auto");
const tokenFlag = text("FILE", "file with the token that workers must know", undefined);

const trainFlags = {
  workers: number({ help: "local worker processes", min: 0, max: 64, shown: "1 on a GPU, else one a core" }, undefined),
  launcher: text("WHERE", "where workers are started: local, slurm, or ssh:HOSTS_FILE", "local"),
  backend: backendFlag,
  epochs: number({ help: "epochs of each arm", min: 1 }, 10),
  "batch-size": number({ help: "images in an optimizer step", min: 1, max: MOST.batchSize }, 128),
  "micro-batch": number({ help: "images in a unit of work", min: 1, max: MOST.microBatch }, 8),
  "learning-rate": number({ help: "of RMSprop", min: 1e-12, whole: false }, 1e-4),
  momentum: number({ help: "of RMSprop", min: 0, max: 0.9999, whole: false }, 0),
  seed: number({ help: "of weights, order, augmentation and dropout", min: 0, max: MAX_SEED }, 0),
  arms: choices(ARM_NAMES, "what to compare, the first with each other", ["no-gc", "gc"]),
  model: choice(MODEL_NAMES, "network", "keras-example"),
  ...dataFlags,
  limit: number({ help: "take N training and N/4 test images", min: 2, shown: "all" }, undefined),
  compress: choice(COMPRESSIONS, "send the weights as floats of 16 bits, with error feedback", "none"),
  "compress-gradients": toggle("the gradients too: results then depend on the number of workers"),
  out: text("DIR", "folder for the results [runs/<timestamp>]", undefined),
  resume: text("DIR", "go on with the run in DIR, as it was told; a larger --epochs prolongs it", undefined),
  "checkpoint-steps": number({ help: "steps between checkpoints, besides one an epoch", min: 1 }, undefined),
  listen: text("HOST:PORT", "address for workers; port 0 takes a free one", "127.0.0.1:0"),
  "min-workers": number({ help: "workers to wait for", min: 1, shown: "the local ones, at least 1" }, undefined),
  "worker-timeout": number({ help: "seconds to wait when no worker is left, then exit 4", min: 1 }, 300),
  "token-file": tokenFlag,
  "tls-cert": text("FILE", "certificate (PEM) that workers elsewhere see: encrypts their connections", undefined),
  "tls-key": text("FILE", "its private key (PEM)", undefined),
  insecure: toggle("let other machines connect without TLS: token, images and weights can be read on the way"),
  quiet: toggle("only the final block and warnings"),
  json: toggle("events as JSON lines instead of text"),
  ...common,
};
const workerFlags = {
  connect: text("URL", "wss://HOST:PORT of the coordinator; ws:// if it is without TLS", undefined),
  "token-file": tokenFlag,
  "tls-ca": text("FILE", "certificate (PEM) that signs the coordinator's, or is it", undefined),
  insecure: toggle("connect to another machine without TLS: the token can be read on the way"),
  backend: choice(BACKENDS, "engine; the coordinator's wish is taken by default", "auto"),
  relay: toggle("start several workers here that share one connection: weights come once to this machine"),
  workers: number({ help: "of a relay", min: 1, max: 64, shown: "1 on a GPU, else one a core" }, undefined),
  "worker-timeout": number({ help: "seconds that a relay waits when no worker is left, then exit 4", min: 1 }, 300),
  ...common,
};
const dataCommandFlags = { ...dataFlags, check: toggle("whether mean colour separates the classes"), ...common };

/** A subcommand: a `deno task` of the same name. */
interface Command {
  readonly summary: string;
  readonly flags: Flags;
  readonly usage: string;
  run(args: readonly string[]): Promise<void>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  train: { summary: "Train the arms and compare them", flags: trainFlags, usage: "[flags]", run: runTrain },
  worker: {
    summary: "Serve a coordinator on another machine",
    flags: workerFlags,
    usage: "--connect URL --token-file FILE [--relay]",
    run: runWorker,
  },
  data: { summary: "Fetch or make a data set, and show it", flags: dataCommandFlags, usage: "[flags]", run: runData },
  doctor: { summary: "What works on this machine", flags: common, usage: "", run: runDoctor },
  report: { summary: "Show a run's result and redraw its report.html", flags: common, usage: "[DIR]", run: runReport },
};

/** What may be another in a resumed run: it changes no bits. */
const RESUME_FREE =
  "workers launcher min-workers backend listen token-file tls-cert tls-key worker-timeout checkpoint-steps epochs"
    .split(" ");
/** What is not stored with a run; to do without TLS has to be said each time. */
const RESUME_OWN = ["resume", "insecure", "quiet", "json", "verbose", "version", "help"];

async function runTrain(args: readonly string[]): Promise<void> {
  const { values, given, rest } = parseFlags(trainFlags, args);
  refuseRest(rest);
  const flags = values.resume === undefined ? values : await resumedFlags(values.resume, values, given);
  if (flags["compress-gradients"] && flags.compress === "none") {
    throw new HerdError("usage", "--compress-gradients is given without --compress: give --compress fp16 or bf16 too");
  }
  const listen = parseAddress(flags.listen);
  const token = flags["token-file"] === undefined ? undefined : await readToken(flags["token-file"]);
  const elsewhere = flags.launcher !== "local";
  if (elsewhere && given.has("workers")) {
    const instead = "with ssh say workers=K in the hosts file, with slurm ask sbatch for tasks";
    throw new HerdError("usage", `--workers ${flags.workers} counts local workers: ${instead}`);
  }
  // With local workers the choice is made here once; others choose for themselves.
  const engine = elsewhere || flags.workers === 0 ? undefined : await chooseEngine(flags.backend);
  const local = flags.workers ?? localWorkers(engine?.name);
  const launcher = await readLauncher(flags.launcher, { local, env: Deno.env.toObject() });
  const workers = launcher.count;
  if (launcher.fromOutside && isLoopback(listen.hostname)) {
    throw new HerdError(
      "usage",
      `Workers on other machines cannot reach --listen ${flags.listen}: give --listen 0.0.0.0:0 with --launcher ` +
        flags.launcher,
    );
  }
  const tls = await serverCertificate(flags);
  if (!isLoopback(listen.hostname)) {
    const refuse = (what: string) =>
      new HerdError("usage", `--listen ${flags.listen} can be reached from outside: ${what}`);
    // A launcher hands out a token that is made up; whoever comes by himself must be given one.
    if (token === undefined && !launcher.fromOutside) throw refuse("give --token-file too");
    if (tls === undefined && !flags.insecure) {
      throw refuse(
        'give --tls-cert and --tls-key (README, "Several machines", has the command that makes them), ' +
          "or say --insecure in a network that you trust",
      );
    }
  }
  const minWorkers = flags["min-workers"] ?? Math.max(1, workers);
  if (minWorkers > workers && token === undefined) {
    throw new HerdError(
      "usage",
      `${minWorkers} workers are awaited and ${workers} started here: the others need --token-file`,
    );
  }
  const reporter = reporterFor(flags);
  const busy = Math.ceil(flags["batch-size"] / flags["micro-batch"]);
  if (workers > busy) {
    reporter.notice(`A step has ${busy} micro-batches: ${workers - busy} of ${workers} workers will have none`);
  }
  await interruptible((signal) =>
    train(
      {
        workers: elsewhere ? 0 : workers,
        launcher,
        minWorkers,
        workerTimeout: flags["worker-timeout"],
        backend: engine?.name ?? flags.backend,
        epochs: flags.epochs,
        batchSize: flags["batch-size"],
        microBatch: flags["micro-batch"],
        learningRate: flags["learning-rate"],
        momentum: flags.momentum,
        seed: flags.seed,
        arms: flags.arms,
        model: flags.model,
        data: flags.data,
        imageSize: flags["image-size"],
        limit: flags.limit ?? null,
        compress: flags.compress,
        compressGradients: flags["compress-gradients"],
        out: flags.out,
        resume: flags.resume,
        checkpointSteps: flags["checkpoint-steps"] ?? null,
        listen,
        token,
        tls,
        tokenFile: flags["token-file"],
        tlsCert: flags["tls-cert"],
        tlsKey: flags["tls-key"],
        environment: dataEnvironment(),
        workerEntry: WORKER_ENTRY,
        version: VERSION,
      },
      reporter,
      signal,
    )
  );
}

/** The flags of a run's folder, with those that are given now and may change. */
async function resumedFlags(
  folder: string,
  values: Values<typeof trainFlags>,
  given: ReadonlySet<string>,
): Promise<Values<typeof trainFlags>> {
  const { told } = await readRunConfig(folder);
  // How many workers to wait for follows from how many there are, unless it is said.
  const whole = given.has("launcher") ? { ...told, workers: null, minWorkers: null } : told;
  const rest = given.has("workers") ? { ...whole, minWorkers: null } : whole;
  const stored = { ...rest, out: folder };
  const flags = takeUp(trainFlags, { values, given }, {
    told: stored,
    free: RESUME_FREE,
    own: RESUME_OWN,
    source: folder,
  });
  const before = Number(told["epochs"]);
  if (flags.epochs < before) {
    throw new HerdError(
      "usage",
      `--epochs ${flags.epochs} is less than the ${before} of ${folder}: give as many or more`,
    );
  }
  return flags;
}

async function runWorker(args: readonly string[]): Promise<void> {
  const { values: flags, given, rest } = parseFlags(workerFlags, args);
  refuseRest(rest);
  for (const name of ["workers", "worker-timeout"] as const) {
    if (!flags.relay && given.has(name)) {
      throw new HerdError("usage", `--${name} ${flags[name]} is for a relay: give --relay too`);
    }
  }
  const { "token-file": file, "tls-ca": ca, backend } = flags;
  const url = coordinatorUrl(flags.connect, flags);
  if (ca !== undefined && !url.startsWith("wss:")) {
    throw new HerdError("usage", `--tls-ca is for a coordinator at wss://HOST:PORT: got --connect ${url}`);
  }
  if (file === undefined) throw new HerdError("usage", "--token-file is missing: give the coordinator's token file");
  const token = await readToken(file);
  const authority = ca === undefined ? undefined : await readAuthority(ca);
  const { cacheDir } = dataEnvironment();
  const chosen = backend === "auto" ? {} : { backend };
  const log = (line: string) => console.log(line);
  const told = { url, token, authority, ...chosen, cacheDir, log };
  // Whatever a coordinator may bring the worker to do, it is not to start programs; a relay starts its own workers only.
  await Deno.permissions.revoke({ name: "ffi" });
  // No signal handlers: a worker has nothing to save, and could not hear them in the middle of a leaf.
  if (flags.relay) return await runRelay(told, flags);
  await Deno.permissions.revoke({ name: "run" });
  await runRemoteWorker(told);
}

/** A worker that computes with worker processes of its own. They end when it does, whatever ends it. */
async function runRelay(
  told: RemoteWorkerOptions,
  { workers, "worker-timeout": workerTimeout }: {
    readonly workers: number | undefined;
    readonly "worker-timeout": number;
  },
): Promise<void> {
  await using behind = new RelayWorkers({ ...told, workerTimeout, workerEntry: WORKER_ENTRY });
  await runRemoteWorker({
    ...told,
    async prepare(run, cachePath) {
      const { name: backend } = await chooseEngine(run.backend);
      return await behind.prepare({ ...run, cachePath, backend, workers: workers ?? localWorkers(backend) });
    },
  });
}

/** How many local workers there are, unless it is said. */
function localWorkers(engine: EngineName | undefined): number {
  return engine === "webgpu" ? 1 : navigator.hardwareConcurrency;
}

async function runData(args: readonly string[]): Promise<void> {
  const { values: flags, rest } = parseFlags(dataCommandFlags, args);
  refuseRest(rest);
  const reporter = reporterFor({ quiet: false, json: false, verbose: flags.verbose });
  await interruptible(async (signal) => {
    const { path, info, fallback } = await resolveDataset({
      data: flags.data,
      imageSize: flags["image-size"],
      environment: dataEnvironment(),
      signal,
      onProgress: (progress) => reporter.dataProgress(progress),
      onNotice: (line) => reporter.notice(line),
    });
    reporter.dataset(info, { limit: null, fallback });
    console.log(`Cache   ${path}`);
    if (flags.check) await checkData(flags.data, path, signal);
  });
}

/** Whether mean colour separates the classes (it should not) and whether the network does (it should). */
async function checkData(data: string, path: string, signal: AbortSignal): Promise<void> {
  const { meanColourAccuracy } = checkDataset(path);
  const colour = meanColourAccuracy <= 0.6 ? "it does not separate the classes" : "IT TELLS THE CLASSES APART";
  console.log(`Colour  logistic regression on mean colour: test accuracy ${meanColourAccuracy.toFixed(4)}; ${colour}`);
  const progress = progressLine();
  const { name } = await chooseEngine("auto");
  const { testAccuracy, accuracy } = await learnability({
    data,
    environment: dataEnvironment(),
    backend: name,
    workers: localWorkers(name),
    workerEntry: WORKER_ENTRY,
    version: VERSION,
    onStep: ({ epoch, metrics }) => progress.show(`Network epoch ${epoch}/20  accuracy ${metrics.accuracy.toFixed(4)}`),
  }, signal);
  progress.clear();
  const learned = testAccuracy >= 0.8 ? "it learns them" : "IT DOES NOT LEARN THEM";
  console.log(
    `Network 20 epochs at 100 px: accuracy ${accuracy.toFixed(4)}, test accuracy ${
      testAccuracy.toFixed(4)
    }; ${learned}`,
  );
}

async function runDoctor(args: readonly string[]): Promise<void> {
  refuseRest(parseFlags(common, args).rest);
  const { os, arch } = Deno.build;
  console.log(`herd ${VERSION}, deno ${Deno.version.deno}, ${os} ${arch}, ${navigator.hardwareConcurrency} cores`);
  for (const engine of await tryEngines()) describeEngine(engine);
  console.log(`auto    ${(await chooseEngine("auto")).name}`);
  const { cacheDir, dataDir } = dataEnvironment();
  console.log(`cache   ${cacheDir}`);
  console.log(`data    ${dataDir === undefined ? "HERD_DATA_DIR is not set" : `HERD_DATA_DIR is ${dataDir}`}`);
}

function describeEngine({ name, works, adapter, software, reason, remedy }: TriedEngine): void {
  if (works) console.log(`${name.padEnd(7)} works: ${adapter}${name === "webgpu" && software ? " (no GPU)" : ""}`);
  else console.log(`${name.padEnd(7)} does not work: ${reason}\n        to make it work: ${remedy}`);
}

async function runReport(args: readonly string[]): Promise<void> {
  const { rest: [given, ...more] } = parseFlags(common, args);
  refuseRest(more);
  const folder = given ?? await latestRun();
  const path = join(folder, "report.json");
  const report = parseReport(await readText(path, `Cannot read ${path}: give the folder of a run`), path);
  await Deno.writeTextFile(join(folder, "report.html"), reportHtml(report));
  for (const line of finalBlock(report)) console.log(line);
  console.log(`\nReport: ${join(folder, "report.html")}`);
}

/** Runs with a signal that Ctrl-C and SIGTERM abort; a second one ends the process at once. */
async function interruptible(work: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const controller = new AbortController();
  const abort = () => controller.abort(interrupted());
  // A second Ctrl-C is a person who will not wait. A second SIGTERM is often the same one, sent to a group and by a parent.
  const interrupt = () => controller.signal.aborted ? Deno.exit(130) : abort();
  const listeners: [Deno.Signal, () => void][] = [["SIGINT", interrupt]];
  if (Deno.build.os !== "windows") listeners.push(["SIGTERM", abort]);
  for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
  try {
    await work(controller.signal);
  } finally {
    for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
  }
}

function reporterFor({ quiet, json, verbose }: { quiet: boolean; json: boolean; verbose: boolean }): Reporter {
  if (json) return new JsonLinesReporter((line) => console.log(line));
  const colour = Deno.stdout.isTerminal() && !Deno.env.get("NO_COLOR");
  return new TerminalReporter({ print: (line) => console.log(line), progress: progressLine(), colour, quiet, verbose });
}

function progressLine(): ProgressLine {
  const encoder = new TextEncoder();
  return new ProgressLine((line) => Deno.stderr.writeSync(encoder.encode(line)), Deno.stderr.isTerminal());
}

function dataEnvironment(): DataEnvironment {
  const environment = Deno.env.toObject();
  const { HERD_DATA_DIR: dataDir, HERD_DATA_URL: dataUrl } = environment;
  return { dataDir: dataDir || undefined, dataUrl: dataUrl || undefined, cacheDir: cacheDirectory(environment) };
}

function parseAddress(address: string): { hostname: string; port: number } {
  const [, hostname, port] = /^(.+):(\d{1,5})$/.exec(address) ?? [];
  if (hostname === undefined || Number(port) > 65535) {
    throw new HerdError("usage", `--listen must be HOST:PORT: got "${address}"`);
  }
  return { hostname: hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(port) };
}

/** The certificate that --tls-cert and --tls-key name: both or neither. */
async function serverCertificate(
  { "tls-cert": cert, "tls-key": key, insecure }: {
    readonly "tls-cert": string | undefined;
    readonly "tls-key": string | undefined;
    readonly insecure: boolean;
  },
): Promise<ServerCertificate | undefined> {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    const [given, missing] = cert === undefined ? ["--tls-key", "--tls-cert"] : ["--tls-cert", "--tls-key"];
    throw new HerdError("usage", `${given} is given without ${missing}: give both`);
  }
  if (insecure) throw new HerdError("usage", "--insecure contradicts --tls-cert: give one of them");
  return await readServerCertificate(cert, key);
}

async function readToken(path: string): Promise<string> {
  const token = (await readText(path, `Cannot read --token-file ${path}`)).trim();
  if (/^[\x21-\x7e]{16,}$/.test(token)) return token;
  throw new HerdError("usage", `--token-file ${path} must hold one word of at least 16 characters`);
}

async function readText(path: string, sentence: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw new HerdError("usage", `${sentence} (${messageOf(cause)})`, { cause });
  }
}

async function latestRun(): Promise<string> {
  const names: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir("runs")) if (isDirectory) names.push(name);
  } catch {
    // Said below.
  }
  const newest = names.sort().at(-1);
  if (newest === undefined) throw new HerdError("usage", "There is no run in runs/: give the folder of one");
  return join("runs", newest);
}

function refuseRest(rest: readonly string[]): void {
  if (rest.length > 0) throw new HerdError("usage", `Unexpected argument "${rest[0]}": see --help`);
}

function helpText(name: string, { summary, usage, flags }: Command): string {
  return `${summary}\n\nUsage: deno task ${name} ${usage}\n\n${describeFlags(flags)}\n
Environment: HERD_DATA_DIR, HERD_DATA_URL, HERD_CACHE_DIR, NO_COLOR
Exit codes: 0 done, 1 a bug, 2 usage, 3 data, 4 cluster, 5 divergence, 130 interrupted`;
}

function overview(): string {
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  deno task ${name.padEnd(8)} ${summary}`);
  return `Herd ${VERSION}: distributed training, with and without gradient centralization\n\n${lines.join("\n")}\n
Each takes --help.`;
}

async function main([name, ...args]: readonly string[]): Promise<void> {
  if (name === undefined || name === "--help") return console.log(overview());
  if (name === "--version") return console.log(VERSION);
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    const near = nearest(name, Object.keys(COMMANDS));
    throw new HerdError("usage", `Unknown command "${name}": ${near ? `did you mean ${near}?` : "see --help"}`);
  }
  if (args.includes("--help")) return console.log(helpText(name, command));
  if (args.includes("--version")) return console.log(VERSION);
  await command.run(args);
}

if (import.meta.main) {
  try {
    await main(Deno.args);
  } catch (error) {
    console.error(`${error instanceof HerdError ? "error" : "bug"}: ${messageOf(error)}`);
    const verbose = Deno.args.includes("--verbose") || !(error instanceof HerdError);
    if (verbose && error instanceof Error) console.error(error.stack);
    Deno.exitCode = exitCodeOf(error);
  }
  Deno.exit();
}
