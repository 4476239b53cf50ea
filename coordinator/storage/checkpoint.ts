// A checkpoint as bytes: a safetensors file with the weights and optimizer slots of every arm that has begun, and the rest of
// the run's state as JSON in its metadata. Its last tensor is the SHA-256 of everything before it, so that no changed byte,
// the header's included, goes unnoticed.
import { createHash } from "node:crypto"; // for large arrays as fast as crypto.subtle, and synchronous
import * as v from "valibot";
import { canonicalJson, type NumericConfig } from "../../shared/config.ts";
import { HerdError, messageOf } from "../../shared/errors.ts";
import { parameterTable } from "../../shared/model.ts";
import { NumericConfigSchema } from "../../shared/protocol.ts";
import { decodeSafetensors, encodeSafetensors, type Tensor, type TensorFile } from "../../shared/safetensors.ts";
import { ARM_NAMES, type ArmName, type FaultCounts, NO_FAULTS } from "../events/mod.ts";
import { armOptimizer } from "../experiment/arms.ts";
import type { ArmState } from "../experiment/experiment.ts";

/** What all checkpoints of a run have in common; one with another identity is foreign to the run. */
export interface RunIdentity {
  readonly runId: string;
  readonly numeric: NumericConfig;
  readonly arms: readonly ArmName[];
}

/** What has happened so far besides training. */
export interface RunHistory {
  /** The version of Herd. */
  readonly herd: string;
  /** Of all workers so far. */
  readonly fingerprints: readonly string[];
  /** Whether the bits are those of an uninterrupted run, as far as is known. */
  readonly bitIdentical: boolean;
  readonly faults: FaultCounts;
}

/** Everything that a run needs to go on. */
export interface Checkpoint {
  readonly identity: RunIdentity;
  readonly history: RunHistory;
  /** The arms that have begun. */
  readonly states: readonly ArmState[];
}

const FORMAT = "herd-checkpoint-1";
const DIGEST_BYTES = 32;

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
/** A float64; JSON knows neither infinities nor NaN nor −0, so these are written as text. */
const float64 = v.union([
  v.number(),
  v.pipe(v.picklist(["NaN", "Infinity", "-Infinity", "-0"]), v.transform((text) => Number(text))),
]);
const epochRecord = v.object({
  epoch: count,
  loss: float64,
  accuracy: float64,
  testLoss: float64,
  testAccuracy: float64,
  seconds: float64,
  testSeconds: float64,
  imagesPerSecond: float64,
  bytesUp: count,
  bytesDown: count,
});
const armProgress = v.object({
  arm: v.picklist(ARM_NAMES),
  epochs: v.array(epochRecord),
  weightsSha256: v.string(),
  current: v.object({
    steps: count,
    metrics: v.object({ loss: float64, correct: count, samples: count }),
    seconds: float64,
    bytesUp: count,
    bytesDown: count,
  }),
});
const content = v.object({
  identity: v.object({ runId: v.string(), numeric: NumericConfigSchema, arms: v.array(v.picklist(ARM_NAMES)) }),
  history: v.object({
    herd: v.string(),
    fingerprints: v.array(v.string()),
    bitIdentical: v.boolean(),
    faults: v.record(v.string(), float64),
  }),
  progress: v.array(armProgress),
});

/** The bytes of a checkpoint's file: a copy of the state as it is now. */
export function encodeCheckpoint({ identity, history, states }: Checkpoint): Uint8Array<ArrayBuffer> {
  const tensors: Record<string, Tensor> = {};
  for (const { arm, weights, slots, residual } of states) {
    tensors[`${arm}/weights`] = flat(weights);
    for (const [name, slot] of Object.entries(slots)) tensors[slotName(arm, name)] = flat(slot);
    if (residual !== undefined) tensors[residualName(arm)] = flat(residual);
  }
  tensors["sha256"] = { shape: [DIGEST_BYTES], data: new Uint8Array(DIGEST_BYTES) };
  const progress = states.map(({ weights: _weights, slots: _slots, residual: _residual, ...rest }) => rest);
  const json = JSON.stringify({ identity, history, progress }, (_key, value) => textOfUnusual(value));
  const bytes = encodeSafetensors({ tensors, metadata: { format: FORMAT, content: json } });
  bytes.set(digestOf(bytes), bytes.length - DIGEST_BYTES);
  return bytes;
}

/**
 * Reads a checkpoint of a run.
 * @throws {HerdError} data, saying what is wrong, if the bytes are damaged or not a checkpoint of this run
 */
export function decodeCheckpoint(bytes: Uint8Array, expected: RunIdentity): Checkpoint {
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
  return {
    identity: expected,
    history: { ...history, faults: { ...NO_FAULTS, ...history.faults } },
    states: progress.map((state) => ({ ...state, ...armTensors(state.arm, expected.numeric, tensors) })),
  };
}

/** In what two runs differ: "learningRate is 0.001 there and 0.0001 here", for each field. */
export function differences(there: RunIdentity, here: RunIdentity): string[] {
  const fields = ({ numeric, ...rest }: RunIdentity): Record<string, unknown> => ({ ...rest, ...numeric });
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

/** An arm's weights, slots and residual, with the sizes that its model and optimizer have. */
function armTensors(arm: ArmName, numeric: NumericConfig, tensors: TensorFile["tensors"]) {
  const fresh = armOptimizer(arm, numeric).init(parameterTable(numeric.model));
  const size = parameterTable(numeric.model).reduce((sum, parameter) => sum + parameter.size, 0);
  const read = (name: string, length: number): Float32Array => {
    const data = tensors[name]?.data;
    if (data instanceof Float32Array && data.length === length) return data;
    throw refusal(`tensor "${name}" has ${data?.length ?? "no"} values, and this version of Herd needs ${length}`);
  };
  const slots = Object.entries(fresh).map(([name, { length }]) => [name, read(slotName(arm, name), length)] as const);
  const residual = numeric.compress === "none" ? {} : { residual: read(residualName(arm), size) };
  return { weights: read(`${arm}/weights`, size), slots: Object.fromEntries(slots), ...residual };
}

function residualName(arm: ArmName): string {
  return `${arm}/residual`;
}

function slotName(arm: ArmName, name: string): string {
  return `${arm}/optimizer/${name}`;
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
