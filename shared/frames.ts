// Binary frames: a fixed 48-byte little-endian header, then raw float32 values or bytes, 8-byte aligned so that both sides
// view them in place. The header's last word is a CRC-32 over all the rest: memory, cards and proxies flip bits that TCP's
// checksum lets through. Gradients, predictions, weights and data set chunks travel so; control messages are in protocol.ts.
import { crc32 } from "node:zlib";
import { HerdError } from "./errors.ts";
import { type ModelSpec, parameterCount } from "./model.ts";
import { PROTOCOL_VERSION } from "./protocol.ts";

/** Sums over a subtree of a step, from a worker. */
export interface PartialFrame {
  readonly kind: "partial";
  readonly step: number;
  readonly level: number;
  readonly index: number;
  /** {@linkcode checksum} of the weights that it was computed with. */
  readonly weights: number;
  readonly gradient: Float32Array;
  readonly losses: Float32Array;
  readonly logits: Float32Array;
  /** CRC-32 of the whole frame, of one that has come in. */
  readonly crc?: number;
}

/** The predictions for one leaf of an evaluation, from a worker. */
export interface PredictionsFrame {
  readonly kind: "predictions";
  readonly step: number;
  readonly index: number;
  /** {@linkcode checksum} of the weights that they were computed with. */
  readonly weights: number;
  readonly losses: Float32Array;
  readonly logits: Float32Array;
}

/** Flat weights, to all workers; `step` is their version, which rises with each. */
export interface WeightsFrame {
  readonly kind: "weights";
  readonly step: number;
  readonly weights: Float32Array;
}

/** A piece of the packed data set, to a remote worker. */
export interface ChunkFrame {
  readonly kind: "chunk";
  readonly index: number;
  readonly bytes: Uint8Array;
}

export type Frame = PartialFrame | PredictionsFrame | WeightsFrame | ChunkFrame;

const MAGIC = 0x44524548; // "HERD"
const HEADER_BYTES = 48;
const CHECKSUM_OFFSET = 44;
const KINDS = ["partial", "predictions", "weights", "chunk"] as const;

/** The most bytes a frame may have; larger ones are refused before they are read. */
export const MAX_FRAME_BYTES = 512 * 1024 * 1024;

/** Bytes of the largest frame that a worker can have to send: the sums over a whole batch. */
export function largestAnswer(
  { model, batchSize, microBatch }: {
    readonly model: ModelSpec;
    readonly batchSize: number;
    readonly microBatch: number;
  },
): number {
  return HEADER_BYTES + 4 * (parameterCount(model) + Math.max(batchSize, microBatch) * (1 + model.classes));
}

interface Header {
  step: number;
  level: number;
  index: number;
  samples: number;
  outputs: number;
  length: number;
  weights: number;
}

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
      const { step, level, index, weights, gradient, losses, logits } = frame;
      return assemble({ step, level, index, weights, ...sizes(losses, logits), length: gradient.length }, [
        gradient,
        losses,
        logits,
      ]);
    }
    case "predictions": {
      const { step, index, weights, losses, logits } = frame;
      return assemble({ step, level: 0, index, weights, ...sizes(losses, logits), length: 0 }, [
        losses,
        logits,
      ]);
    }
    case "weights": {
      const { step, weights } = frame;
      const header = { step, level: 0, index: 0, samples: 0, outputs: 0, length: weights.length, weights: 0 };
      return assemble(header, [weights]);
    }
    case "chunk": {
      const { index, bytes } = frame;
      const header = { step: 0, level: 0, index, samples: 0, outputs: 0, length: bytes.length, weights: 0 };
      return assemble(header, [bytes]);
    }
  }
}

/**
 * Reads a frame; arrays are views of the buffer.
 * @throws {HerdError} cluster, if it is not a whole frame of this protocol version and run
 */
export function decodeFrame(runId: string, buffer: ArrayBuffer): Frame {
  const refuse = (what: string) => new HerdError("cluster", `Received a malformed frame: ${what}`);
  if (buffer.byteLength < HEADER_BYTES) throw refuse(`${buffer.byteLength} bytes`);
  const view = new DataView(buffer);
  const field = (i: number) => view.getUint32(4 * i, true);
  if (field(0) !== MAGIC) throw refuse("it does not start with HERD");
  const version = view.getUint16(4, true);
  if (version !== PROTOCOL_VERSION) throw refuse(`protocol ${version} instead of ${PROTOCOL_VERSION}`);
  const run = view.getBigUint64(8, true).toString(16).padStart(16, "0");
  if (run !== runId) throw refuse(`run ${run} instead of ${runId}`);
  const kind = KINDS[view.getUint16(6, true)];
  const [step, level, index, samples, outputs, length] = [field(4), field(5), field(6), field(7), field(8), field(9)];
  const payload = kind === "chunk" ? length : 4 * (length + samples * (1 + outputs));
  if (buffer.byteLength !== HEADER_BYTES + payload) throw refuse(`${buffer.byteLength} bytes, ${payload} announced`);
  const crc = view.getUint32(CHECKSUM_OFFSET, true);
  if (crc !== frameChecksum(new Uint8Array(buffer))) {
    throw refuse(`the checksum of a ${kind} frame of ${buffer.byteLength} bytes does not fit`);
  }
  const weights = field(10);
  const losses = () => new Float32Array(buffer, HEADER_BYTES + 4 * length, samples);
  const logits = () => new Float32Array(buffer, HEADER_BYTES + 4 * (length + samples), samples * outputs);
  const flat = () => new Float32Array(buffer, HEADER_BYTES, length);
  switch (kind) {
    case "partial":
      return { kind, step, level, index, weights, gradient: flat(), losses: losses(), logits: logits(), crc };
    case "predictions":
      return { kind, step, index, weights, losses: losses(), logits: logits() };
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

type Assembler = (header: Header, parts: readonly (Float32Array | Uint8Array)[]) => Uint8Array<ArrayBuffer>;

function assembler(runId: string, kind: Frame["kind"], scratch: Uint8Array<ArrayBuffer> | undefined): Assembler {
  return ({ step, level, index, samples, outputs, length, weights }, parts) => {
    const byteLength = HEADER_BYTES + parts.reduce((sum, part) => sum + part.byteLength, 0);
    const bytes = scratch?.byteLength === byteLength ? scratch : new Uint8Array(byteLength);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, MAGIC, true);
    view.setUint16(4, PROTOCOL_VERSION, true);
    view.setUint16(6, KINDS.indexOf(kind), true);
    view.setBigUint64(8, BigInt(`0x${runId}`), true);
    [step, level, index, samples, outputs, length, weights].forEach((value, i) =>
      view.setUint32(16 + 4 * i, value, true)
    );
    let position = HEADER_BYTES;
    for (const part of parts) {
      bytes.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), position);
      position += part.byteLength;
    }
    view.setUint32(CHECKSUM_OFFSET, frameChecksum(bytes), true);
    return bytes;
  };
}
