// Binary frames: a fixed 64-byte little-endian header, then raw float32 values or bytes, 8-byte aligned so that both sides
// view them in place; flat values that are compressed come last, as floats of 16 bits. The header's last word is a CRC-32
// over all the rest: memory, cards and proxies flip bits that TCP's checksum lets through. Gradients, predictions, weights
// and data set chunks travel so; control messages are in protocol.ts.
import { crc32 } from "node:zlib";
import { HerdError } from "./errors.ts";
import { type Compression, COMPRESSIONS, decodeHalf, encodeHalf, SCALE_EXPONENTS, scaleExponent } from "./half.ts";
import { type ModelSpec, parameterCount } from "./model.ts";
import { PROTOCOL_VERSION } from "./protocol.ts";

/** Sums over a subtree of a step, from a worker. */
export interface PartialFrame {
  /** Tells the kinds of frames apart. */
  readonly kind: "partial";
  /** Of the cluster, from 1. */
  readonly step: number;
  /** The number of the order that it answers, within the step. */
  readonly attempt: number;
  /** Of the node in the reduction tree. */
  readonly level: number;
  /** Of the node on its level. */
  readonly index: number;
  /** {@linkcode checksum} of the weights that it was computed with. */
  readonly weights: number;
  /** Flat sum, never a mean. */
  readonly gradient: Float32Array;
  /** One a sample, in sample order. */
  readonly losses: Float32Array;
  /** `classes` a sample, in sample order. */
  readonly logits: Float32Array;
  /** How the gradient is to travel, of a frame that is sent; fp16 is scaled, since sums of small gradients are below it. */
  readonly compress?: Compression;
}

/** The predictions for one leaf of an evaluation, from a worker. */
export interface PredictionsFrame {
  /** Tells the kinds of frames apart. */
  readonly kind: "predictions";
  /** Of the cluster, from 1. */
  readonly step: number;
  /** The number of the order that it answers, within the step. */
  readonly attempt: number;
  /** Of the leaf. */
  readonly index: number;
  /** {@linkcode checksum} of the weights that they were computed with. */
  readonly weights: number;
  /** One a sample, in sample order. */
  readonly losses: Float32Array;
  /** `classes` a sample, in sample order. */
  readonly logits: Float32Array;
}

/** Flat weights, to all workers; `step` is their version, which rises with each. */
export interface WeightsFrame {
  /** Tells the kinds of frames apart. */
  readonly kind: "weights";
  /** The version of the weights. */
  readonly step: number;
  /** Flat, as laid out by the parameter table. */
  readonly weights: Float32Array;
  /** How they are to travel, of a frame that is sent; unscaled, so that what has come in compresses to the same bits. */
  readonly compress?: Compression;
}

/** A piece of the packed data set, to a remote worker. */
export interface ChunkFrame {
  /** Tells the kinds of frames apart. */
  readonly kind: "chunk";
  /** Of the piece, from 0. */
  readonly index: number;
  /** All of them 8 MiB long, but the last one. */
  readonly bytes: Uint8Array;
}

/** Any frame. */
export type Frame = PartialFrame | PredictionsFrame | WeightsFrame | ChunkFrame;

const MAGIC = 0x44524548; // "HERD"
const HEADER_BYTES = 64;
const CHECKSUM_OFFSET = 60;
const KINDS = ["partial", "predictions", "weights", "chunk"] as const;

/** The most bytes a frame may have; larger ones are refused before they are read. */
export const MAX_FRAME_BYTES = 512 * 1024 * 1024;

/** Bytes of the largest frame that a worker can have to send: the sums over a whole batch, not compressed. */
export function largestAnswer(
  { model, batchSize, microBatch }: {
    readonly model: ModelSpec;
    readonly batchSize: number;
    readonly microBatch: number;
  },
): number {
  return HEADER_BYTES + 4 * (parameterCount(model) + Math.max(batchSize, microBatch) * (1 + model.classes));
}

/** The header's words after magic, version, kind and run id, in this order; those that a kind has no use for are 0. */
const FIELDS = [
  "step",
  "attempt",
  "level",
  "index",
  "samples",
  "outputs",
  "length",
  "weights",
  "compress",
  "exponent",
] as const;
const FIELDS_OFFSET = 16;

type Header = Partial<Record<typeof FIELDS[number], number>>;

/** CRC-32 of an array's bytes. */
export function checksum({ buffer, byteOffset, byteLength }: Float32Array): number {
  return crc32(new Uint8Array(buffer, byteOffset, byteLength));
}

/** CRC-32 of a whole frame without its last header word. */
function frameChecksum(bytes: Uint8Array): number {
  return crc32(bytes.subarray(HEADER_BYTES), crc32(bytes.subarray(0, CHECKSUM_OFFSET)));
}

/**
 * The bytes of a frame.
 * @param runId 16 hexadecimal digits
 * @param scratch is overwritten and returned if it has the right length
 */
export function encodeFrame(runId: string, frame: Frame, scratch?: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const assemble = assembler(runId, frame.kind, scratch);
  switch (frame.kind) {
    case "partial": {
      const { step, attempt, level, index, weights, gradient, losses, logits, compress = "none" } = frame;
      const header = { step, attempt, level, index, weights, ...sizes(losses, logits), length: gradient.length };
      if (compress === "none") return assemble(header, [gradient, losses, logits]);
      const exponent = compress === "fp16" ? scaleExponent(gradient) : 0;
      const halves = encodeHalf(gradient, compress, exponent);
      return assemble({ ...header, compress: COMPRESSIONS.indexOf(compress), exponent }, [losses, logits, halves]);
    }
    case "predictions": {
      const { step, attempt, index, weights, losses, logits } = frame;
      return assemble({ step, attempt, index, weights, ...sizes(losses, logits) }, [losses, logits]);
    }
    case "weights": {
      const { step, weights, compress = "none" } = frame;
      const values = compress === "none" ? weights : encodeHalf(weights, compress);
      return assemble({ step, length: weights.length, compress: COMPRESSIONS.indexOf(compress) }, [values]);
    }
    case "chunk": {
      const { index, bytes } = frame;
      return assemble({ index, length: bytes.length }, [bytes]);
    }
  }
}

/**
 * Reads a frame; arrays are views of the buffer, unless they were compressed.
 * @throws {HerdError} cluster, if it is not a whole frame of this protocol version and run
 */
export function decodeFrame(runId: string, buffer: ArrayBuffer): Frame {
  const refuse = (what: string) => new HerdError("cluster", `Received a malformed frame: ${what}`);
  if (buffer.byteLength < HEADER_BYTES) throw refuse(`${buffer.byteLength} bytes`);
  const view = new DataView(buffer);
  if (view.getUint32(0, true) !== MAGIC) throw refuse("it does not start with HERD");
  const version = view.getUint16(4, true);
  if (version !== PROTOCOL_VERSION) throw refuse(`protocol ${version} instead of ${PROTOCOL_VERSION}`);
  const run = view.getBigUint64(8, true).toString(16).padStart(16, "0");
  if (run !== runId) throw refuse(`run ${run} instead of ${runId}`);
  const kind = KINDS[view.getUint16(6, true)];
  const field = (name: typeof FIELDS[number]) => view.getUint32(FIELDS_OFFSET + 4 * FIELDS.indexOf(name), true);
  const [step, attempt, level, index, weights] = [
    field("step"),
    field("attempt"),
    field("level"),
    field("index"),
    field("weights"),
  ];
  const [samples, outputs, length, exponent] = [
    field("samples"),
    field("outputs"),
    field("length"),
    field("exponent") | 0,
  ];
  const compress = COMPRESSIONS[field("compress")];
  if (compress === undefined || (compress !== "none" && kind !== "partial" && kind !== "weights")) {
    throw refuse(`compression ${field("compress")} of a ${kind} frame`);
  }
  const { least, most } = SCALE_EXPONENTS;
  const scaled = kind === "partial" && compress === "fp16";
  if (scaled ? exponent < least || exponent > most : exponent !== 0) throw refuse(`scale ${exponent}`);
  const flatBytes = (compress === "none" ? 4 : 2) * length;
  const payload = kind === "chunk" ? length : flatBytes + 4 * samples * (1 + outputs);
  if (buffer.byteLength !== HEADER_BYTES + payload) throw refuse(`${buffer.byteLength} bytes, ${payload} announced`);
  if (view.getUint32(CHECKSUM_OFFSET, true) !== frameChecksum(new Uint8Array(buffer))) {
    throw refuse(`the checksum of a ${kind} frame of ${buffer.byteLength} bytes does not fit`);
  }
  const lossesAt = HEADER_BYTES + (compress === "none" ? flatBytes : 0);
  const losses = () => new Float32Array(buffer, lossesAt, samples);
  const logits = () => new Float32Array(buffer, lossesAt + 4 * samples, samples * outputs);
  const flat = () =>
    compress === "none"
      ? new Float32Array(buffer, HEADER_BYTES, length)
      : decodeHalf(new Uint16Array(buffer, buffer.byteLength - flatBytes), compress, exponent);
  switch (kind) {
    case "partial":
      return { kind, step, attempt, level, index, weights, gradient: flat(), losses: losses(), logits: logits() };
    case "predictions":
      return { kind, step, attempt, index, weights, losses: losses(), logits: logits() };
    case "weights":
      return { kind, step, weights: flat() };
    case "chunk":
      return { kind, index, bytes: new Uint8Array(buffer, HEADER_BYTES) };
    default:
      throw refuse(`kind ${view.getUint16(6, true)}`);
  }
}

function sizes(losses: Float32Array, logits: Float32Array): { samples: number; outputs: number } {
  return { samples: losses.length, outputs: losses.length === 0 ? 0 : logits.length / losses.length };
}

type Assembler = (
  header: Header,
  parts: readonly (Float32Array | Uint16Array | Uint8Array)[],
) => Uint8Array<ArrayBuffer>;

function assembler(runId: string, kind: Frame["kind"], scratch: Uint8Array<ArrayBuffer> | undefined): Assembler {
  return (header, parts) => {
    const byteLength = HEADER_BYTES + parts.reduce((sum, part) => sum + part.byteLength, 0);
    const bytes = scratch?.byteLength === byteLength ? scratch : new Uint8Array(byteLength);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, MAGIC, true);
    view.setUint16(4, PROTOCOL_VERSION, true);
    view.setUint16(6, KINDS.indexOf(kind), true);
    view.setBigUint64(8, BigInt(`0x${runId}`), true);
    FIELDS.forEach((field, i) => view.setUint32(FIELDS_OFFSET + 4 * i, header[field] ?? 0, true));
    let position = HEADER_BYTES;
    for (const part of parts) {
      bytes.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), position);
      position += part.byteLength;
    }
    view.setUint32(CHECKSUM_OFFSET, frameChecksum(bytes), true);
    return bytes;
  };
}
