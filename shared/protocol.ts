// The control messages between coordinator and workers: JSON, one discriminated union a direction, validated where they
// come in. Every message carries run id and step. Which version is spoken has been settled before by handshake.ts.
import * as v from "valibot";
import type { ComputeConfig } from "./config.ts";
import { DatasetManifestSchema } from "./dataset_manifest.ts";
import { BACKENDS, ENGINE_NAMES } from "./engine_names.ts";
import { HerdError } from "./errors.ts";
import { COMPRESSIONS } from "./half.ts";
import { MOST_PHASES, PHASES, type PhaseSpan, type Span } from "./spans.ts";
import { visible } from "./visible.ts";

/** Both sides must speak the same version; a change of any message or frame raises it. */
export const PROTOCOL_VERSION = 9;

/** The most characters that a control message may have. A worker has little to say; the coordinator lists sample ids. */
export const MOST_CHARACTERS = { fromWorker: 8 * 1024, fromCoordinator: 16 * 1024 * 1024 } as const;
/** The most characters of the texts in a message: of a machine's name, a device's, and a reason. */
export const MOST_TEXT = { host: 255, adapter: 300, reason: 1_000 } as const;
/** The largest config that a worker takes on: more than any machine can train, less than harms its arithmetic. */
export const MOST = {
  imageSize: 4096,
  batchSize: 1_000_000,
  microBatch: 65_536,
  width: 65_536,
  layers: 64,
  /** Of one order. */
  leaves: 262_144,
} as const;

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const upTo = (most: number) => v.pipe(count, v.maxValue(most));
/** Ids and hashes. What workers call themselves is a worker's id and stands in logs: nothing else may be in it. */
const word = v.pipe(v.string(), v.regex(/^[\w.:-]{0,64}$/));
/** 32 bytes in hexadecimal. */
const bytes32 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const envelope = { runId: word, step: count };
const range = v.object({ start: count, end: count });
/** For people: what could steer a terminal is shown instead of done. */
const text = (of: keyof typeof MOST_TEXT) => v.pipe(v.string(), v.maxLength(MOST_TEXT[of]), v.transform(visible));
const milliseconds = v.pipe(v.number(), v.finite(), v.minValue(0));
const span: v.GenericSchema<unknown, Span> = v.tuple([count, count]);
const phase: v.GenericSchema<unknown, PhaseSpan> = v.tuple([v.picklist(PHASES), count, count, count]);
const part = v.pipe(v.number(), v.minValue(0), v.maxValue(1));

const layer = v.variant("kind", [
  v.object({ kind: v.literal("conv"), filters: upTo(MOST.width), dropout: v.exactOptional(part) }),
  v.object({
    kind: v.literal("dense"),
    units: upTo(MOST.width),
    dropoutBefore: v.exactOptional(part),
    activation: v.picklist(["relu", "none"]),
  }),
]);

/** What a worker computes with. */
export const ComputeConfigSchema: v.GenericSchema<unknown, ComputeConfig> = v.object({
  dataset: word,
  model: v.object({
    imageSize: upTo(MOST.imageSize),
    channels: v.literal(3),
    layers: v.pipe(v.array(layer), v.maxLength(MOST.layers)),
    classes: upTo(MOST.width),
  }),
  classWeights: v.exactOptional(v.pipe(v.array(v.pipe(v.number(), v.finite(), v.gtValue(0))), v.maxLength(MOST.width))),
  batchSize: upTo(MOST.batchSize),
  microBatch: upTo(MOST.microBatch),
  compress: v.picklist(COMPRESSIONS),
  compressGradients: v.boolean(),
});

/** worker → coordinator: the first message after the handshake. */
const hello = v.object({
  ...envelope,
  type: v.literal("hello"),
  /** "" lets the coordinator choose. */
  name: word,
  /** That the worker knows the secret of its name (`proofOf` in handshake.ts): whoever cannot prove it gets another name. */
  proof: v.exactOptional(bytes32),
  host: text("host"),
  pid: count,
});
/** worker → coordinator: is on another machine and asks how the packed data set is cut. */
const manifestRequest = v.object({ ...envelope, type: v.literal("manifest-request") });
/** worker → coordinator: asks for a chunk of the packed data set. */
const chunkRequest = v.object({ ...envelope, type: v.literal("chunk-request"), index: count });
/** worker → coordinator: is not ready yet, and what it is doing meanwhile, for people. */
const preparing = v.object({ ...envelope, type: v.literal("preparing"), text: text("reason") });
/** worker → coordinator: has its data and its engine, and takes work. */
const ready = v.object({
  ...envelope,
  type: v.literal("ready"),
  configHash: word,
  engine: v.picklist(ENGINE_NAMES),
  adapter: text("adapter"),
  fingerprint: word,
  /** About how long a leaf of the run takes, by the worker's own measure. */
  leafMilliseconds: milliseconds,
});
/** worker → coordinator: more leaves of the step are done, and the time that they took. */
const heartbeat = v.object({
  ...envelope,
  type: v.literal("heartbeat"),
  leaves: count,
  milliseconds,
});
/** worker → coordinator: what the answer took that it has just sent, in a run that is traced. */
const spans = v.object({
  ...envelope,
  type: v.literal("spans"),
  /** Of the order. */
  attempt: count,
  /** Of the node that is answered, or the leaf. */
  level: count,
  index: count,
  made: span,
  phases: v.pipe(v.array(phase), v.maxLength(MOST_PHASES), v.readonly()),
  sent: span,
});
/** worker → coordinator: what its clock shows, in microseconds, when it reads that it is asked. */
const clock = v.object({ ...envelope, type: v.literal("clock"), microseconds: count });
/** worker → coordinator: cannot go on. */
const failed = v.object({
  ...envelope,
  type: v.literal("failed"),
  message: text("reason"),
  /** It comes again at once: its device was lost, and nothing is wrong with its work. */
  again: v.boolean(),
});

/** coordinator → worker: who you are and what is computed here. */
const welcome = v.object({
  ...envelope,
  type: v.literal("welcome"),
  workerId: word,
  /** By which a worker that nobody started for the run proves that it is this one when it comes again. */
  secret: v.exactOptional(bytes32),
  /** What the trial passes draw their noise by that fingerprints are made of: those of other runs are of no use. */
  probeKey: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/)),
  config: ComputeConfigSchema,
  configHash: word,
  backend: v.picklist(BACKENDS),
  /** Whether another engine may take its place where its device is lost again and again: nobody has named it. */
  fallsBack: v.boolean(),
  /** Whether it is to tell what its answers take, and what its clock shows. */
  traced: v.exactOptional(v.boolean()),
});
/** coordinator → worker: how the packed data set is cut. */
const manifest = v.object({ ...envelope, type: v.literal("manifest"), dataset: DatasetManifestSchema });
/** coordinator → worker: you cannot take part. */
const refused = v.object({ ...envelope, type: v.literal("refused"), reason: text("reason") });
/** coordinator → worker: compute these leaves with the weights last sent. */
const work = v.object({
  ...envelope,
  type: v.literal("work"),
  task: v.picklist(["train", "evaluate"]),
  /** The number of the order within the step: answers carry it. */
  attempt: count,
  seed: count,
  epoch: count,
  /** Version of the weights to compute with; 0 for none yet. */
  weights: count,
  /** Leaves in the whole step: the shape of the tree. */
  leafCount: count,
  range,
  /** Sample ids of each leaf in the range. */
  samples: v.pipe(v.array(v.array(count)), v.maxLength(MOST.leaves)),
});
/** coordinator → worker: what does your clock show? */
const clockRequest = v.object({ ...envelope, type: v.literal("clock-request") });
/** coordinator → worker: the answer came for a step that is over. */
const stale = v.object({ ...envelope, type: v.literal("stale") });
/** coordinator → worker: the run is over, or broken off so that it may go on later. */
const stop = v.object({ ...envelope, type: v.literal("stop"), mayGoOn: v.boolean() });

const fromWorker = v.variant("type", [
  hello,
  manifestRequest,
  chunkRequest,
  preparing,
  ready,
  heartbeat,
  spans,
  clock,
  failed,
]);
const fromCoordinator = v.variant("type", [welcome, manifest, refused, work, clockRequest, stale, stop]);

/** What a worker may say. */
export type WorkerMessage = v.InferOutput<typeof fromWorker>;
/** What a coordinator may say. */
export type CoordinatorMessage = v.InferOutput<typeof fromCoordinator>;
/** An order to compute leaves. */
export type Work = Extract<CoordinatorMessage, { type: "work" }>;

/** Reads a message of one direction. */
export type Parser<T> = (text: string) => T;

/** Reads what a worker says. @throws {HerdError} cluster, if the text is not a message from a worker */
export const parseWorkerMessage: Parser<WorkerMessage> = (text) => parse(fromWorker, text, MOST_CHARACTERS.fromWorker);

/** Reads what a coordinator says. @throws {HerdError} cluster, if the text is not a message from a coordinator */
export const parseCoordinatorMessage: Parser<CoordinatorMessage> = (text) =>
  parse(fromCoordinator, text, MOST_CHARACTERS.fromCoordinator);

function parse<T extends typeof fromWorker | typeof fromCoordinator>(
  schema: T,
  text: string,
  most: number,
): v.InferOutput<T> {
  if (text.length > most) {
    throw new HerdError(
      "cluster",
      `Received a malformed message: ${text.length} characters, at most ${most} are taken`,
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new HerdError("cluster", "Received a malformed message: it is not JSON", { cause });
  }
  const result = v.safeParse(schema, json);
  if (!result.success) {
    const [issue] = result.issues;
    const field = v.getDotPath(issue) ?? "message";
    // The issue quotes what was received.
    const why = visible(issue.message.slice(0, 200));
    throw new HerdError("cluster", `Received a malformed message: field "${field}": ${why}`);
  }
  return result.output;
}
