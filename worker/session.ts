// A worker's side of the protocol: joins a coordinator, gets its data and engine ready, then computes what it is given until
// it is told to stop or the connection closes.
import { Channel, type Incoming } from "../shared/channel.ts";
import { type ComputeConfig, configHash } from "../shared/config.ts";
import type { DatasetManifest } from "../shared/dataset_manifest.ts";
import type { Backend } from "../shared/engine_names.ts";
import { HerdError, messageOf } from "../shared/errors.ts";
import { checksum, MAX_FRAME_BYTES } from "../shared/frames.ts";
import { proofOf, type Transcript } from "../shared/handshake.ts";
import { release } from "../shared/memory.ts";
import { layerShapes, parameterCount } from "../shared/model.ts";
import type { OrderComputer } from "../shared/order_computer.ts";
import { leastProgress, PROGRESS_LIMITS, type ProgressLimits, whileMoving } from "../shared/progress.ts";
import {
  type CoordinatorMessage,
  MOST_TEXT,
  parseCoordinatorMessage,
  type Work,
  type WorkerMessage,
} from "../shared/protocol.ts";
import { compute } from "./compute.ts";
import { type Address, ConnectionLost, joinCoordinator } from "./join.ts";
import { Preparation } from "./preparation.ts";

type Welcome = Extract<CoordinatorMessage, { type: "welcome" }>;
type WorkerChannel = Channel<CoordinatorMessage, WorkerMessage>;

/** A run that a worker has joined. */
export interface JoinedRun {
  /** 16 hexadecimal digits. */
  readonly runId: string;
  /** What the coordinator calls this worker. */
  readonly workerId: string;
  /** What the trial pass draws its noise by. */
  readonly probeKey: string;
  /** What is to be computed. */
  readonly config: ComputeConfig;
  /** SHA-256 of the config, in hexadecimal. */
  readonly configHash: string;
  /** The engine to compute with; "auto" means the best one here. */
  readonly backend: Backend;
  /** To be called after each leaf. */
  onLeaf(): void;
  /** To be called with what takes a while and is being done. */
  onProgress(text: string): void;
}

/** What is to be computed, and how to get ready for it. */
export interface PrepareOptions extends JoinedRun {
  /** Asks the coordinator how the packed data set is cut. */
  manifest(): Promise<DatasetManifest>;
  /** Asks the coordinator for a chunk of the packed data set. */
  fetch(index: number): Promise<Uint8Array>;
}

/** What the session needs from its surroundings. */
export interface SessionOptions extends Address {
  /** By which the coordinator knows that this worker is the one of its name. */
  readonly secret?: string;
  /** What the worker calls itself, such as its log; "" lets the coordinator choose. */
  readonly name: string;
  readonly hostName: string;
  /** The engine, "auto" for the best one here; without it the coordinator's wish is taken. */
  readonly backend?: Backend;
  /** Makes what computes; it is disposed of when the connection ends. */
  prepare(options: PrepareOptions): Promise<OrderComputer>;
  /** Says what happens, for the log. */
  log(text: string): void;
}

/** Options with the name and the secret that the worker has by now. */
interface SelfOptions extends Omit<SessionOptions, "secret"> {
  readonly secret: string | undefined;
}

/** The coordinator may have to read the whole data set first, or to send others theirs, for an hour; that it is there still, its pings tell. */
const MANIFEST_LIMITS: ProgressLimits = { ...PROGRESS_LIMITS, looks: 720 };
/** Between attempts to connect again: doubled each time, up to the longest. */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 10_000;
const GIVE_UP_MS = 10 * 60_000;

/** The run is over before this worker had its data. */
class RunOver extends HerdError {
  readonly mayGoOn: boolean;

  constructor(mayGoOn: boolean) {
    super("cluster", "The run ended before this worker had its data");
    this.mayGoOn = mayGoOn;
  }
}

/**
 * Serves a coordinator. Returns when it ends the run. When the connection breaks, or the coordinator is started again at the
 * same address, the worker joins again under its name.
 * @throws {HerdError} cluster, if the run is broken off and may go on later, and if the coordinator cannot be reached at
 * first, or for ten minutes, or refuses the worker
 */
export async function runSession(options: SessionOptions): Promise<void> {
  const self = { name: options.name, secret: options.secret };
  let wait = FIRST_WAIT_MS;
  let joined = false;
  let lost = performance.now();
  while (true) {
    let isIn = false;
    try {
      const mayGoOn = await runConnection({ ...options, ...self }, ({ workerId, secret = self.secret }) => {
        [self.name, self.secret] = [workerId, secret];
        [joined, wait, isIn] = [true, FIRST_WAIT_MS, true];
      });
      if (!mayGoOn) return;
      // A scheduler starts a worker again that ends so, and not one that is done.
      throw new HerdError("cluster", "The run was broken off: when it goes on, start this worker again");
    } catch (error) {
      if (isIn) lost = performance.now();
      if (!(error instanceof ConnectionLost) || !joined || performance.now() - lost > GIVE_UP_MS) throw error;
      options.log(`${error.message}; connecting again`);
      await new Promise((resolve) => setTimeout(resolve, wait));
      wait = Math.min(2 * wait, LONGEST_WAIT_MS);
    }
  }
}

/** One connection from beginning to end. @returns whether the run, which is over here, may go on later */
async function runConnection(options: SelfOptions, onWelcome: (welcome: Welcome) => void): Promise<boolean> {
  const { socket, meter, transcript } = await joinCoordinator(options);
  const channel: WorkerChannel = new Channel(socket, parseCoordinatorMessage, { meter });
  channel.expectPings();
  channel.sendPings();
  const incoming = channel[Symbol.asyncIterator]();
  try {
    return await serve(channel, incoming, { ...options, transcript, onWelcome });
  } catch (error) {
    if (error instanceof RunOver) return error.mayGoOn;
    if (error instanceof ConnectionLost) throw error;
    if (channel.isClosed) throw new ConnectionLost(messageOf(error));
    channel.send({ ...envelope(channel, 0), type: "failed", message: messageOf(error).slice(0, MOST_TEXT.reason) });
    throw error;
  } finally {
    channel.close();
  }
}

async function serve(
  channel: WorkerChannel,
  incoming: AsyncGenerator<Incoming<CoordinatorMessage>>,
  options: SelfOptions & { readonly transcript: Transcript; onWelcome(welcome: Welcome): void },
): Promise<boolean> {
  const welcome = await introduce(channel, incoming, options);
  options.onWelcome(welcome);
  const { config } = welcome;
  const parameters = parameterCount(config.model);
  const compress = config.compressGradients ? config.compress : "none";
  let step = 0;
  let weights = { version: 0, checksum: 0 };
  let lastSign = 0;
  using preparation = new Preparation((text) =>
    channel.send({ ...envelope(channel, 0), type: "preparing", text: text.slice(0, MOST_TEXT.reason) })
  );
  await using computer = await options.prepare({
    ...welcome,
    config,
    backend: options.backend ?? welcome.backend,
    manifest: () => fetchManifest(channel, incoming),
    fetch: (index) => fetchChunk(channel, incoming, index),
    onLeaf() {
      const now = performance.now();
      channel.send({ ...envelope(channel, step), type: "heartbeat", leaves: 1, milliseconds: now - lastSign });
      lastSign = now;
    },
    onProgress(text) {
      options.log(`${welcome.workerId}: ${text}`);
      preparation.hear(text);
    },
  });
  preparation[Symbol.dispose]();
  const { engine, adapter, fingerprint, leafMilliseconds } = computer;
  options.log(`${welcome.workerId}: ready with ${engine} on ${adapter}, fingerprint ${fingerprint.slice(0, 16)}`);
  channel.send({
    ...envelope(channel, 0),
    type: "ready",
    configHash: await configHash(config),
    engine,
    adapter: adapter.slice(0, MOST_TEXT.adapter),
    fingerprint,
    leafMilliseconds,
  });
  for await (const event of incoming) {
    if ("frame" in event) {
      if (event.frame.kind !== "weights") continue;
      if (event.frame.weights.length !== parameters) {
        throw new HerdError("cluster", `Got ${event.frame.weights.length} weights for a network of ${parameters}`);
      }
      computer.setWeights(event.frame.weights);
      weights = { version: event.frame.step, checksum: checksum(event.frame.weights) };
      release(event.frame.weights);
      continue;
    }
    // A new connection brings whole weights.
    if ("broken" in event) throw new ConnectionLost(event.broken.message);
    const { message } = event;
    if (message.type === "refused") throw refusal(message.reason);
    if (message.type === "stop") {
      options.log("stopped by the coordinator");
      return message.mayGoOn;
    }
    if (message.type === "stale") options.log(`step ${message.step}: the answer came too late`);
    if (message.type === "work") {
      step = message.step;
      if (message.weights !== weights.version) {
        const here = `weights ${weights.version} are here`;
        throw new HerdError("cluster", `Step ${step} is for weights ${message.weights}; ${here}`);
      }
      refuseUnfit(message, config);
      lastSign = performance.now();
      await compute(channel, computer, { work: message, weights: weights.checksum, compress });
    }
  }
  throw new ConnectionLost("The coordinator closed the connection without ending the run");
}

/** Says hello and waits for the welcome. */
async function introduce(
  channel: WorkerChannel,
  incoming: AsyncGenerator<Incoming<CoordinatorMessage>>,
  { name, secret, hostName, transcript }: SelfOptions & { readonly transcript: Transcript },
): Promise<Welcome> {
  const proof = secret === undefined ? {} : { proof: proofOf(secret, `worker ${name}`, transcript) };
  const self = { name, ...proof, host: hostName.slice(0, MOST_TEXT.host), pid: Deno.pid };
  channel.runId = transcript.runId;
  channel.send({ ...envelope(channel, 0), type: "hello", ...self });
  const event = await nextOf(channel, incoming, "the coordinator's welcome");
  if (!("message" in event)) throw new HerdError("cluster", "The coordinator sent a frame before its welcome");
  const { message } = event;
  if (message.type === "refused") throw refusal(message.reason);
  if (message.type !== "welcome") {
    throw new HerdError("cluster", `The coordinator sent "${message.type}" before its welcome`);
  }
  if (await configHash(message.config) !== message.configHash) {
    throw new HerdError(
      "cluster",
      "The config's hash differs here: use the same version of Herd on both sides",
    );
  }
  refuseUntrainable(message.config);
  if (message.runId !== transcript.runId) {
    throw new HerdError("cluster", "The coordinator's welcome is to another run than its handshake");
  }
  return message;
}

function refusal(reason: string): HerdError {
  return new HerdError("cluster", `The coordinator refused this worker: ${reason}`);
}

/** Shapes decide what is allocated here: those that no coordinator can mean are refused first. */
function refuseUntrainable({ model, microBatch }: ComputeConfig): void {
  const shapes = layerShapes(model);
  const sides = shapes.map((shape) => shape.kind === "conv" ? shape.outputSize : shape.inputs);
  const largest = Math.max(
    ...shapes.map((shape) => shape.kind === "conv" ? shape.convSize ** 2 * shape.filters : shape.units),
    model.imageSize ** 2 * model.channels,
  );
  const bytes = 4 * Math.max(parameterCount(model), largest);
  if (microBatch < 1 || Math.min(...sides) < 1 || bytes > MAX_FRAME_BYTES) {
    const asked = `layers of up to ${bytes} bytes an image, micro-batches of ${microBatch}`;
    throw new HerdError("cluster", `The coordinator asks for a network that cannot be trained here (${asked})`);
  }
}

/** An order must have a place in its step's tree, and leaves of the size that the engine is made for. */
function refuseUnfit({ task, range, leafCount, samples, step }: Work, { batchSize, microBatch }: ComputeConfig): void {
  const length = range.end - range.start;
  // A test set may be of any size: nothing is allocated but for the leaves that are listed.
  const most = task === "train" ? Math.ceil(batchSize / microBatch) : Infinity;
  const fits = length >= 1 && length === samples.length && range.end <= leafCount && leafCount <= most &&
    samples.every((ids) => ids.length >= 1 && ids.length <= microBatch);
  if (!fits) {
    const what = `leaves ${range.start} to ${range.end} of ${leafCount}, ${samples.length} of them listed`;
    throw new HerdError("cluster", `The order for step ${step} makes no sense (${what})`);
  }
}

async function fetchManifest(
  channel: WorkerChannel,
  incoming: AsyncGenerator<Incoming<CoordinatorMessage>>,
): Promise<DatasetManifest> {
  channel.send({ ...envelope(channel, 0), type: "manifest-request" });
  const event = await nextOf(channel, incoming, "the description of the data set", MANIFEST_LIMITS);
  if ("message" in event && event.message.type === "manifest") return event.message.dataset;
  throw withoutData(event, "the description of the data set");
}

async function fetchChunk(
  channel: WorkerChannel,
  incoming: AsyncGenerator<Incoming<CoordinatorMessage>>,
  index: number,
): Promise<Uint8Array> {
  channel.send({ ...envelope(channel, 0), type: "chunk-request", index });
  // It may be a while until it is this worker's turn.
  const event = await nextOf(channel, incoming, `chunk ${index} of the data set`, MANIFEST_LIMITS);
  if ("frame" in event && event.frame.kind === "chunk" && event.frame.index === index) return event.frame.bytes;
  throw withoutData(event, `chunk ${index} of the data set`);
}

function withoutData(event: Incoming<CoordinatorMessage>, what: string): HerdError {
  if ("message" in event && event.message.type === "stop") return new RunOver(event.message.mayGoOn);
  return new HerdError("cluster", `The coordinator sent something else than ${what}`);
}

function envelope(channel: WorkerChannel, step: number): { runId: string; step: number } {
  return { runId: channel.runId, step };
}

/** What comes next, however long it takes while something comes. */
async function nextOf(
  channel: WorkerChannel,
  incoming: AsyncGenerator<Incoming<CoordinatorMessage>>,
  what: string,
  limits = PROGRESS_LIMITS,
): Promise<Incoming<CoordinatorMessage>> {
  const next = await whileMoving(incoming.next(), {
    bytes: () => channel.received,
    late: () => new ConnectionLost(`Waited for ${what} in vain: less than ${leastProgress(limits)} came in`),
    limits,
  });
  if (next.done) throw new ConnectionLost(`The coordinator closed the connection instead of sending ${what}`);
  if ("broken" in next.value) throw new ConnectionLost(next.value.broken.message);
  return next.value;
}
