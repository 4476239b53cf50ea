// A checkpoint as bytes: a safetensors file with the weights and optimizer slots of one training, and the rest of its state and
// what the run has in common as JSON in its metadata. Its last tensor is the SHA-256 of everything before it, so that no
// changed byte, the header's included, goes unnoticed.
import { createHash } from "node:crypto"; // for large arrays as fast as crypto.subtle, and synchronous
import * as v from "valibot";
import { canonicalJson } from "../../shared/config.ts";
import { HerdError, messageOf } from "../../shared/errors.ts";
import { parameterCount } from "../../shared/model.ts";
import { decodeSafetensors, encodeSafetensors, type Tensor, type TensorFile } from "../../shared/safetensors.ts";
import {
  ARM_NAMES,
  isSameRun,
  NO_CHECKS,
  NO_FAULTS,
  PROTOCOLS,
  ROLES,
  type RunHistory,
  type RunKey,
  runName,
  type RunPlan,
} from "../events/mod.ts";
import { beginTraining, type NumericConfig, type Training } from "../experiment/mod.ts";
import { FORMAT } from "./checkpoint_names.ts";
import { NumericConfigSchema } from "./run_config.ts";

/** What all checkpoints of a run have in common; one with another identity is foreign to the run. */
export interface RunIdentity {
  /** 16 hexadecimal digits. */
  readonly runId: string;
  /** Everything besides a training's key that changes bits. */
  readonly numeric: NumericConfig;
  /** What its keys are made from; how many seeds there are from the first one on may change. */
  readonly plan: Omit<RunPlan, "seeds"> & { readonly seed: number };
}

/** All that one training needs to go on, and what the run knew when it was written. */
export interface Checkpoint {
  /** The run that it is of. */
  readonly identity: RunIdentity;
  /** What had happened in the run until then. */
  readonly history: RunHistory;
  /** How far the training had come. */
  readonly training: Training;
}

const DIGEST_BYTES = 32;

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
/** A float64; JSON knows neither infinities nor NaN nor −0, so these are written as text. */
const float64 = v.union([
  v.number(),
  v.pipe(v.picklist(["NaN", "Infinity", "-Infinity", "-0"]), v.transform((text) => Number(text))),
]);
/** A training's key, as it stands in files. */
const key: v.GenericSchema<unknown, RunKey> = v.pipe(
  v.object({
    arm: v.picklist(ARM_NAMES),
    seed: count,
    learningRate: v.optional(v.number()),
    role: v.optional(v.picklist(ROLES)),
  }),
  v.transform(({ arm, seed, learningRate, role }) => ({
    arm,
    seed,
    ...(learningRate === undefined ? {} : { learningRate }),
    ...(role === undefined ? {} : { role }),
  })),
);
const epochRecord = v.object({
  epoch: count,
  loss: float64,
  accuracy: float64,
  testLoss: float64,
  testAccuracy: float64,
  testAuc: v.nullable(float64),
  testMeanProbability: v.nullable(float64),
  seconds: v.nullable(float64),
  testSeconds: float64,
  imagesPerSecond: v.nullable(float64),
  bytesUp: count,
  bytesDown: count,
});
const progress = v.object({
  key,
  epochs: v.array(epochRecord),
  weightsSha256: v.pipe(v.string(), v.regex(/^([0-9a-f]{64})?$/)),
  diverged: v.optional(v.string()),
  current: v.object({
    steps: count,
    metrics: v.object({ loss: float64, correct: count, samples: count }),
    times: v.array(v.object({ images: count, timed: count, untimed: count, seconds: float64 })),
    bytesUp: count,
    bytesDown: count,
  }),
});
const worker = v.object({
  id: v.string(),
  host: v.string(),
  pid: count,
  engine: v.string(),
  adapter: v.string(),
  fingerprint: v.string(),
  imagesPerSecond: float64,
  computeSeconds: float64,
});
const taint = v.object({
  worker: v.string(),
  host: v.string(),
  since: v.object({ key, epoch: count, step: count, steps: count }),
});
const content = v.object({
  identity: v.object({
    runId: v.string(),
    numeric: NumericConfigSchema,
    plan: v.object({
      arms: v.array(v.picklist(ARM_NAMES)),
      seed: count,
      learningRates: v.array(v.number()),
      control: v.boolean(),
      protocol: v.picklist(PROTOCOLS),
    }),
  }),
  history: v.object({
    herd: v.string(),
    workers: v.array(worker),
    fingerprints: v.array(v.string()),
    bitIdentical: v.boolean(),
    faults: v.object(v.entriesFromList(Object.keys(NO_FAULTS) as (keyof typeof NO_FAULTS)[], float64)),
    checks: v.optional(v.object({ compared: count, impossible: count, differing: count }), NO_CHECKS),
    taints: v.optional(v.array(taint), []),
  }),
  progress,
});

/** The bytes of a checkpoint's file: a copy of the training as it is now. */
export function encodeCheckpoint({ identity, history, training }: Checkpoint): Uint8Array<ArrayBuffer> {
  const { weights, slots, residual, testLogits, ...progress } = training;
  const tensors: Record<string, Tensor> = { weights: flat(weights), testLogits: flat(testLogits) };
  for (const [name, slot] of Object.entries(slots)) tensors[slotName(name)] = flat(slot);
  if (residual !== undefined) tensors["residual"] = flat(residual);
  tensors["sha256"] = { shape: [DIGEST_BYTES], data: new Uint8Array(DIGEST_BYTES) };
  const json = JSON.stringify({ identity, history, progress }, (_key, value) => textOfUnusual(value));
  const bytes = encodeSafetensors({ tensors, metadata: { format: FORMAT, content: json } });
  bytes.set(digestOf(bytes), bytes.length - DIGEST_BYTES);
  return bytes;
}

/**
 * Reads a checkpoint of a training.
 * @param expected the run that it must be of
 * @throws {HerdError} data, saying what is wrong, if the bytes are damaged or not a checkpoint of this training of this run
 */
export function decodeCheckpoint(bytes: Uint8Array, expected: RunIdentity, key: RunKey): Checkpoint {
  if (!digestOf(bytes).equals(bytes.subarray(-DIGEST_BYTES))) {
    throw refusal("it is damaged: its SHA-256 is not that of its content");
  }
  const { tensors, metadata } = decodeSafetensors(bytes);
  if (metadata["format"] !== FORMAT) {
    throw refusal(`its format is ${metadata["format"] ?? "not named"}, and this version of Herd reads ${FORMAT}`);
  }
  const { identity, history, progress } = parseContent(metadata["content"]);
  const different = differences(identity, expected);
  if (different.length > 0) throw refusal(`it is of another run: ${different.join(", ")}`);
  if (!isSameRun(progress.key, key)) throw refusal(`it is of ${runName(progress.key)}, not of ${runName(key)}`);
  const { diverged, ...rest } = progress;
  return {
    identity: expected,
    history,
    training: {
      ...rest,
      ...(diverged === undefined ? {} : { diverged }),
      ...trainingTensors(key, expected.numeric, tensors),
    },
  };
}

/** In what two runs differ: "learningRate is 0.001 there and 0.0001 here", for each field. */
export function differences(there: RunIdentity, here: RunIdentity): string[] {
  const fields = ({ numeric: { compute, ...numeric }, plan, ...rest }: RunIdentity): Record<string, unknown> => {
    return { ...rest, ...plan, ...numeric, ...compute };
  };
  const [a, b] = [fields(there), fields(here)];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .map((field) => [field, canonicalJson(a[field]), canonicalJson(b[field])] as const)
    .filter(([, one, other]) => one !== other)
    .map(([field, one, other]) => `${field} is ${one} there and ${other} here`);
}

function parseContent(text: string | undefined): v.InferOutput<typeof content> {
  try {
    return v.parse(content, JSON.parse(text ?? ""));
  } catch (cause) {
    throw new HerdError("data", `its content cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/** Weights, slots and residual, with the sizes that a fresh training of this key has. */
function trainingTensors(key: RunKey, numeric: NumericConfig, tensors: TensorFile["tensors"]) {
  const fresh = beginTraining(key, numeric, new Float32Array(parameterCount(numeric.compute.model)));
  const read = (name: string, { length }: Float32Array): Float32Array => {
    const data = tensors[name]?.data;
    if (data instanceof Float32Array && data.length === length) return data;
    throw refusal(`tensor "${name}" has ${data?.length ?? "no"} values, and this version of Herd needs ${length}`);
  };
  const slots = Object.entries(fresh.slots).map(([name, slot]) => [name, read(slotName(name), slot)] as const);
  const residual = fresh.residual === undefined ? {} : { residual: read("residual", fresh.residual) };
  const testLogits = tensors["testLogits"]?.data;
  if (!(testLogits instanceof Float32Array)) throw refusal("it has no logits of the test images");
  return { weights: read("weights", fresh.weights), slots: Object.fromEntries(slots), ...residual, testLogits };
}

function slotName(name: string): string {
  return `optimizer/${name}`;
}

function flat(data: Float32Array): Tensor {
  return { shape: [data.length], data };
}

/** SHA-256 of everything but the last 32 bytes. */
function digestOf(bytes: Uint8Array) {
  return createHash("sha256").update(bytes.subarray(0, Math.max(0, bytes.length - DIGEST_BYTES))).digest();
}

function textOfUnusual(value: unknown): unknown {
  if (typeof value !== "number") return value;
  if (Object.is(value, -0)) return "-0";
  return Number.isFinite(value) ? value : String(value);
}

function refusal(what: string): HerdError {
  return new HerdError("data", what);
}
