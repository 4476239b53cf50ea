// A worker's side of the protocol: joins a coordinator, gets its data and engine ready, then computes what it is given until
// it is told to stop or the connection closes.
import { Channel, type Incoming } from "../shared/channel.ts";
import { type ComputeConfig, configHash } from "../shared/config.ts";
import type { DatasetManifest } from "../shared/dataset_manifest.ts";
import type { Backend } from "../shared/engine_names.ts";
import { HerdError, messageOf } from "../shared/errors.ts";
import { checksum } from "../shared/frames.ts";
import { proofOf, type Transcript } from "../shared/handshake.ts";
import { release } from "../shared/memory.ts";
import { parameterCount } from "../shared/model.ts";
import type { OrderComputer } from "../shared/order_computer.ts";
import { type CoordinatorMessage, MOST_TEXT, parseCoordinatorMessage } from "../shared/protocol.ts";
import type { PhaseListener } from "../shared/spans.ts";
import { envelope, fetchChunk, fetchManifest, nextOf, RunOver, type WorkerChannel } from "./asking.ts";
import { compute, levelOf, type Trace } from "./compute.ts";
import { DeviceLost } from "./device_lost.ts";
import { DeviceLosses } from "./device_losses.ts";
import { type Address, ConnectionLost, joinCoordinator } from "./join.ts";
import { Preparation } from "./preparation.ts";
import { refuseUnfit, refuseUntrainable } from "./sanity.ts";
import { SpanRecorder } from "./span_recorder.ts";

type Welcome = Extract<CoordinatorMessage, { type: "welcome" }>;

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
  /** Whether another engine may take its place where its device is lost again and again. */
  readonly fallsBack: boolean;
  /** To be called after each leaf. */
  onLeaf(): void;
  /** To be called with what takes a while and is being done. */
  onProgress(text: string): void;
  /** To be called with each phase of a leaf, where an engine can tell them apart; undefined if nobody wants to know. */
  readonly onPhase?: PhaseListener;
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

/** Options with the name, the secret and the engine that the worker has by now. */
interface SelfOptions extends Omit<SessionOptions, "secret" | "backend"> {
  readonly secret: string | undefined;
  readonly backend: Backend | undefined;
  readonly losses: DeviceLosses;
}

/** Where a connection stands, for whoever has to do with its end. */
interface Standing {
  step: number;
  fallsBack: boolean;
}

/** Between attempts to connect again: doubled each time, up to the longest. */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 10_000;
const GIVE_UP_MS = 10 * 60_000;

/** The worker comes again at once: with another device, or with an engine that needs none. */
class ComingAgain extends HerdError {
  readonly backend: Backend | undefined;

  constructor(message: string, backend: Backend | undefined) {
    super("cluster", message);
    this.backend = backend;
  }
}

/**
 * Serves a coordinator. Returns when it ends the run. When the connection breaks, or the coordinator is started again at the
 * same address, the worker joins again under its name. So it does when its device is lost, up to the third time; then it
 * takes the simd engine, if nobody has named one.
 * @throws {HerdError} cluster, if the run is broken off and may go on later, and if the coordinator cannot be reached at
 * first, or for ten minutes, or refuses the worker, and if the device of a named engine is lost for the third time
 */
export async function runSession(options: SessionOptions): Promise<void> {
  const self = { name: options.name, secret: options.secret, backend: options.backend, losses: new DeviceLosses() };
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
      if (error instanceof ComingAgain) {
        options.log(error.message);
        self.backend = error.backend;
        continue;
      }
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
  const standing: Standing = { step: 0, fallsBack: false };
  const fail = (text: string, again: boolean) =>
    channel.send({ ...envelope(channel, 0), type: "failed", message: text.slice(0, MOST_TEXT.reason), again });
  try {
    return await serve(channel, incoming, { ...options, transcript, standing, onWelcome });
  } catch (error) {
    if (error instanceof RunOver) return error.mayGoOn;
    if (error instanceof ConnectionLost) throw error;
    if (error instanceof DeviceLost) {
      const { text, next } = options.losses.add(error, standing);
      fail(text, next !== "end");
      if (next === "end") throw new HerdError("cluster", text, { cause: error });
      throw new ComingAgain(text, next === "simd" ? "simd" : options.backend);
    }
    if (channel.isClosed) throw new ConnectionLost(messageOf(error));
    fail(messageOf(error), false);
    throw error;
  } finally {
    channel.close();
  }
}

async function serve(
  channel: WorkerChannel,
  incoming: AsyncGenerator<Incoming<CoordinatorMessage>>,
  options: SelfOptions & {
    readonly transcript: Transcript;
    readonly standing: Standing;
    onWelcome(welcome: Welcome): void;
  },
): Promise<boolean> {
  const { standing } = options;
  const welcome = await introduce(channel, incoming, options);
  options.onWelcome(welcome);
  const { config } = welcome;
  const { backend = welcome.backend } = options;
  standing.fallsBack = options.backend === undefined ? welcome.fallsBack : options.backend === "auto";
  const parameters = parameterCount(config.model);
  const compress = config.compressGradients ? config.compress : "none";
  let weights = { version: 0, checksum: 0 };
  const trace = welcome.traced === true ? traceTo(channel) : undefined;
  let lastSign = 0;
  using preparation = new Preparation((text) =>
    channel.send({ ...envelope(channel, 0), type: "preparing", text: text.slice(0, MOST_TEXT.reason) })
  );
  await using computer = await options.prepare({
    ...welcome,
    config,
    backend,
    fallsBack: standing.fallsBack,
    manifest: () => fetchManifest(channel, incoming),
    fetch: (index) => fetchChunk(channel, incoming, index),
    onLeaf() {
      const now = performance.now();
      channel.send({ ...envelope(channel, standing.step), type: "heartbeat", leaves: 1, milliseconds: now - lastSign });
      lastSign = now;
    },
    onProgress(text) {
      options.log(`${welcome.workerId}: ${text}`);
      preparation.hear(text);
    },
    ...(trace === undefined ? {} : { onPhase: trace.recorder.hear }),
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
    if (message.type === "clock-request" && trace !== undefined) {
      channel.send({ ...envelope(channel, 0), type: "clock", microseconds: trace.recorder.now });
    }
    if (message.type === "work") {
      standing.step = message.step;
      if (message.weights !== weights.version) {
        const here = `weights ${weights.version} are here`;
        throw new HerdError("cluster", `Step ${message.step} is for weights ${message.weights}; ${here}`);
      }
      refuseUnfit(message, config);
      lastSign = performance.now();
      await compute(channel, computer, { work: message, weights: weights.checksum, compress, trace });
    }
  }
  throw new ConnectionLost("The coordinator closed the connection without ending the run");
}

/** The coordinator wants to know what answers take. */
function traceTo(channel: WorkerChannel): Trace {
  return {
    recorder: new SpanRecorder(),
    tell(answer, spans) {
      const { step, attempt, index } = answer;
      const node = { attempt, level: levelOf(answer), index };
      channel.send({ ...envelope(channel, step), type: "spans", ...node, ...spans });
    },
  };
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
