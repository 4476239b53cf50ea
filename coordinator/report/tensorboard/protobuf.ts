// As much of the protocol buffers' wire format as an event file needs: each function gives the bytes of one field.

const VARINT = 0;
const EIGHT_BYTES = 1;
const COUNTED = 2;
const FOUR_BYTES = 5;

/** An enum, a boolean or a whole number ≥ 0. */
export function whole(field: number, value: number): Uint8Array {
  return Uint8Array.from([...tag(field, VARINT), ...varint(value)]);
}

/** A float64. */
export function double(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return join([tag(field, EIGHT_BYTES), bytes]);
}

/** A float32. */
export function float(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return join([tag(field, FOUR_BYTES), bytes]);
}

/** A text. */
export function text(field: number, value: string): Uint8Array {
  return message(field, new TextEncoder().encode(value));
}

/** A message of these fields, or bytes. */
export function message(field: number, ...fields: readonly Uint8Array[]): Uint8Array {
  const content = join(fields);
  return join([tag(field, COUNTED), varint(content.length), content]);
}

/** One after the other. */
export function join(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function tag(field: number, kind: number): Uint8Array {
  return varint(8 * field + kind);
}

/** Seven bits a byte, the lowest first; by division, as numbers may have more than 32 bits. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push(value % 0x80 + 0x80);
  return Uint8Array.from([...bytes, value]);
}
