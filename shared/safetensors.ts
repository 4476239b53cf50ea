// The safetensors container (github.com/huggingface/safetensors): a JSON header of shapes and offsets, then raw
// little-endian data. Written and read here for weights and golden values; no library writes it in JavaScript.
import * as v from "valibot";
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

const TYPES = { F32: Float32Array, I32: Int32Array, U8: Uint8Array } as const;

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const entry = v.object({ dtype: v.string(), shape: v.array(count), data_offsets: v.tuple([count, count]) });
const metadataSchema = v.optional(v.record(v.string(), v.string()), {});

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
  if (bytes.length < 8) throw refusal(`${bytes.length} bytes`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > HEADER_LIMIT || 8 + length > bytes.length) throw refusal(`a header of ${length} bytes`);
  const { __metadata__, ...entries } = parseHeader(bytes.subarray(8, 8 + length));
  const metadata = v.safeParse(metadataSchema, __metadata__);
  if (!metadata.success) throw refusal("its metadata is not texts by name");
  return { tensors: tensorsOf(entries, bytes.subarray(8 + length)), metadata: metadata.output };
}

function parseHeader(text: Uint8Array): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder().decode(text));
  } catch (cause) {
    throw new HerdError("data", "Not a safetensors file: its header is not JSON", { cause });
  }
  if (typeof header === "object" && header !== null && !Array.isArray(header)) return header as Record<string, unknown>;
  throw refusal("its header is no JSON object");
}

/** Tensors in the order of their data, of which every byte belongs to exactly one, so that a file is no larger in memory. */
function tensorsOf(entries: Record<string, unknown>, data: Uint8Array): Record<string, Tensor> {
  const described = Object.entries(entries).map(([name, described]) => {
    const result = v.safeParse(entry, described);
    if (!result.success) throw refusal(`tensor "${name}" is not described by dtype, shape and data_offsets`);
    return { name, ...result.output };
  });
  described.sort((a, b) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1]);
  let position = 0;
  const tensors = described.map(({ name, dtype, shape, data_offsets: [start, end] }): [string, Tensor] => {
    if (start !== position) {
      throw refusal(`tensor "${name}" begins at byte ${start} of the data instead of ${position}`);
    }
    if (end > data.length) throw refusal(`tensor "${name}" is cut off`);
    if (!Object.hasOwn(TYPES, dtype)) throw refusal(`tensor "${name}" is of type ${dtype}`);
    const Values = TYPES[dtype as keyof typeof TYPES];
    if (end - start !== shape.reduce((a, b) => a * b, Values.BYTES_PER_ELEMENT)) {
      throw refusal(`tensor "${name}" does not fill its shape`);
    }
    position = end;
    return [name, { shape, data: new Values(data.slice(start, end).buffer) }];
  });
  if (position !== data.length) throw refusal(`${data.length - position} bytes of data belong to no tensor`);
  return Object.fromEntries(tensors);
}

function refusal(what: string): HerdError {
  return new HerdError("data", `Not a safetensors file: ${what}`);
}

function dtypeOf(data: Tensor["data"]): string {
  return data instanceof Float32Array ? "F32" : data instanceof Int32Array ? "I32" : "U8";
}
