// The safetensors container (github.com/huggingface/safetensors): a JSON header of shapes and offsets, then raw
// little-endian data. Written and read here for weights and golden values; no library writes it in JavaScript.
import { HerdError } from "./errors.ts";

/** A tensor by name: float32, int32 or uint8 values in row-major order. */
export interface Tensor {
  /** Sizes of the dimensions; none for a scalar. */
  readonly shape: readonly number[];
  /** As many values as the shape has, in row-major order. */
  readonly data: Float32Array | Int32Array | Uint8Array;
}

/** What a file holds. */
export interface TensorFile {
  /** By name, in the order of their data. */
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** Texts by name. */
  readonly metadata: Readonly<Record<string, string>>;
}

const HEADER_LIMIT = 100 * 1024 * 1024;

/** The bytes of a file with these tensors, in the order given; data starts at a multiple of 8. */
export function encodeSafetensors({ tensors, metadata }: TensorFile): Uint8Array<ArrayBuffer> {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    header[name] = { dtype: dtypeOf(data), shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const start = 8 + Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(start + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(start - 8), true);
  bytes.fill(0x20, 8, start);
  bytes.set(text, 8);
  let position = start;
  for (const { data } of Object.values(tensors)) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position);
    position += data.byteLength;
  }
  return bytes;
}

/**
 * Reads a file's tensors; copies the data.
 * @throws {HerdError} data, if the bytes are not a whole safetensors file of known types
 */
export function decodeSafetensors(bytes: Uint8Array): TensorFile {
  const refuse = (what: string) => new HerdError("data", `Not a safetensors file: ${what}`);
  if (bytes.length < 8) throw refuse(`${bytes.length} bytes`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > HEADER_LIMIT || 8 + length > bytes.length) throw refuse(`a header of ${length} bytes`);
  let header: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  } catch (cause) {
    throw new HerdError("data", "Not a safetensors file: its header is not JSON", { cause });
  }
  const { __metadata__, ...entries } = header as typeof header & { __metadata__?: Record<string, string> };
  const tensors: Record<string, Tensor> = {};
  for (const [name, { dtype, shape, data_offsets: [start, end] }] of Object.entries(entries)) {
    if (8 + length + end > bytes.length) throw refuse(`tensor "${name}" is cut off`);
    const raw = bytes.slice(8 + length + start, 8 + length + end).buffer;
    const data = dtype === "F32"
      ? new Float32Array(raw)
      : dtype === "I32"
      ? new Int32Array(raw)
      : dtype === "U8"
      ? new Uint8Array(raw)
      : undefined;
    if (data === undefined) throw refuse(`tensor "${name}" is of type ${dtype}`);
    if (data.length !== shape.reduce((a, b) => a * b, 1)) throw refuse(`tensor "${name}" does not fill its shape`);
    tensors[name] = { shape, data };
  }
  return { tensors, metadata: __metadata__ ?? {} };
}

function dtypeOf(data: Tensor["data"]): string {
  return data instanceof Float32Array ? "F32" : data instanceof Int32Array ? "I32" : "U8";
}
