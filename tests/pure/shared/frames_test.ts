import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { HerdError } from "../../../shared/errors.ts";
import { decodeFrame, encodeFrame, type Frame } from "../../../shared/frames.ts";
import { type Compression, COMPRESSIONS, decodeHalf, encodeHalf, scaleExponent } from "../../../shared/half.ts";
import { parseCoordinatorMessage, parseWorkerMessage } from "../../../shared/protocol.ts";

const RUN = "00112233aabbccdd";
const uint32 = fc.nat({ max: 2 ** 32 - 1 });
const floats = (length: number) => fc.float32Array({ minLength: length, maxLength: length });

const compress = fc.constantFrom(...COMPRESSIONS);

const frames: fc.Arbitrary<Frame> = fc.oneof(
  fc.tuple(uint32, uint32, uint32, uint32, fc.nat(40), fc.nat(9), fc.integer({ min: 1, max: 3 })).chain(
    ([step, attempt, level, index, length, samples, outputs]) =>
      fc.record({
        kind: fc.constant("partial" as const),
        step: fc.constant(step),
        attempt: fc.constant(attempt),
        level: fc.constant(level),
        index: fc.constant(index),
        weights: uint32,
        gradient: floats(length),
        losses: floats(samples),
        logits: floats(samples * outputs),
        compress,
      }),
  ),
  fc.tuple(uint32, uint32, uint32, fc.nat(9)).chain(([step, attempt, index, samples]) =>
    fc.record({
      kind: fc.constant("predictions" as const),
      step: fc.constant(step),
      attempt: fc.constant(attempt),
      index: fc.constant(index),
      weights: uint32,
      losses: floats(samples),
      logits: floats(samples),
    })
  ),
  fc.record({ kind: fc.constant("weights" as const), step: uint32, weights: fc.float32Array(), compress }),
  fc.record({ kind: fc.constant("chunk" as const), index: uint32, bytes: fc.uint8Array() }),
);

/** What flat values are after their journey. */
function arrived(values: Float32Array, compress: Compression, scaled: boolean): Float32Array {
  if (compress === "none") return values;
  const exponent = scaled && compress === "fp16" ? scaleExponent(values) : 0;
  return decodeHalf(encodeHalf(values, compress, exponent), compress, exponent);
}

/** What a frame is after its journey. */
function received(frame: Frame): Frame {
  if (frame.kind !== "partial" && frame.kind !== "weights") return { ...frame };
  const { compress = "none", ...rest } = frame;
  if (rest.kind === "weights") return { ...rest, weights: arrived(rest.weights, compress, false) };
  return { ...rest, gradient: arrived(rest.gradient, compress, true) };
}

Deno.test("frames survive the round trip bit for bit, but for the rounding of flat values that are compressed", () => {
  fc.assert(
    fc.property(frames, (frame) => {
      const { buffer } = encodeFrame(RUN, frame);
      const decoded = decodeFrame(RUN, buffer);
      assertEquals(decoded, received(frame));
      // Weights that have come in are compressed to the same bits again: both sides have the same checksum of them.
      if (decoded.kind === "weights" && frame.kind === "weights") {
        const again = encodeFrame(RUN, { ...frame, weights: decoded.weights });
        assertEquals(decodeFrame(RUN, again.buffer), decoded);
      }
    }),
    { seed: 4, numRuns: 1_000 },
  );
});

Deno.test("compressed values take 2 bytes each, losses and logits stay float32", () => {
  const [gradient, losses] = [new Float32Array(1001).fill(1e-9), Float32Array.of(1 / 3)];
  const partial = {
    kind: "partial",
    step: 1,
    attempt: 1,
    level: 0,
    index: 0,
    weights: 0,
    losses,
    logits: losses,
  } as const;
  for (const compress of ["fp16", "bf16"] as const) {
    const bytes = encodeFrame(RUN, { ...partial, gradient, compress });
    assertEquals(bytes.length, 64 + 2 * 1001 + 4 + 4);
    const decoded = decodeFrame(RUN, bytes.buffer);
    assertEquals(decoded.kind === "partial" && decoded.losses, losses);
    const first = decoded.kind === "partial" ? decoded.gradient[0]! : NaN;
    assertEquals(Math.abs(first - 1e-9) < 4e-12, true, `${first}: it must not underflow`);
    assertEquals(encodeFrame(RUN, { kind: "weights", step: 1, weights: gradient, compress }).length, 64 + 2 * 1001);
  }
});

Deno.test("decodeFrame() refuses a compression or a scale that its kind of frame cannot have", () => {
  const one = Float32Array.of(1);
  const weights: Frame = { kind: "weights", step: 1, weights: one, compress: "fp16" };
  const partial = {
    kind: "partial",
    step: 1,
    attempt: 1,
    level: 0,
    index: 0,
    weights: 0,
    gradient: one,
    losses: one,
  } as const;
  const [compressField, exponentField] = [12, 13];
  const cases: [Frame, number, number, string][] = [
    [weights, compressField, 3, "compression 3"],
    [{ kind: "chunk", index: 0, bytes: new Uint8Array(8) }, compressField, 1, "compression 1 of a chunk frame"],
    [
      { kind: "predictions", step: 1, attempt: 1, index: 0, weights: 0, losses: one, logits: one },
      compressField,
      2,
      "compression 2",
    ],
    [weights, exponentField, 1, "scale 1"],
    [{ ...partial, logits: one, compress: "bf16" }, exponentField, 1, "scale 1"],
    [{ ...partial, logits: one }, exponentField, 1, "scale 1"],
    [{ ...partial, logits: one, compress: "fp16" }, exponentField, 127, "scale 127"],
    [{ ...partial, logits: one, compress: "fp16" }, exponentField, -114, "scale -114"],
  ];
  for (const [frame, field, value, sentence] of cases) {
    const bytes = encodeFrame(RUN, frame);
    new DataView(bytes.buffer).setInt32(4 * field, value, true);
    assertThrows(() => decodeFrame(RUN, bytes.buffer), HerdError, sentence);
  }
});

/** A whole frame with bytes overwritten and its end cut off or extended. */
const damaged = fc.tuple(
  frames,
  fc.array(fc.tuple(fc.nat(79), fc.nat(255)), { maxLength: 6 }),
  fc.integer({ min: -60, max: 9 }),
).map(([frame, edits, growth]) => {
  const bytes = encodeFrame(RUN, frame);
  for (const [at, value] of edits) bytes[at] = value;
  const result = new Uint8Array(Math.max(0, bytes.length + growth));
  result.set(bytes.subarray(0, result.length));
  return result.buffer;
});

Deno.test("10,000 malformed frames are refused with a HerdError or read as a frame, never anything else", () => {
  let refused = 0;
  fc.assert(
    fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 200 }).map((bytes) => bytes.slice().buffer)), (buffer) => {
      try {
        decodeFrame(RUN, buffer);
      } catch (error) {
        if (!(error instanceof HerdError && error.code === "cluster")) throw error;
        refused++;
      }
    }),
    { seed: 5, numRuns: 10_000 },
  );
  assertEquals(refused > 8_000, true, `only ${refused} were refused`);
});

Deno.test("decodeFrame() refuses another run, another protocol and another magic", () => {
  const frame: Frame = { kind: "weights", step: 1, weights: Float32Array.of(1, 2) };
  assertThrows(() => decodeFrame(RUN, encodeFrame("ff".repeat(8), frame).buffer), HerdError, "run ffffffffffffffff");
  const bytes = encodeFrame(RUN, frame);
  bytes[4] = 99;
  assertThrows(() => decodeFrame(RUN, bytes.buffer), HerdError, "protocol 99");
  assertThrows(() => decodeFrame(RUN, new ArrayBuffer(64)), HerdError, "HERD");
});

Deno.test("messages of either direction are validated, and name the field that is wrong", () => {
  const envelope = { runId: RUN, step: 3 };
  assertEquals(
    parseWorkerMessage(JSON.stringify({ ...envelope, type: "heartbeat", leaves: 1, milliseconds: 2 })).type,
    "heartbeat",
  );
  const stop = { ...envelope, type: "stop", mayGoOn: false } as const;
  assertEquals(parseCoordinatorMessage(JSON.stringify(stop)), stop);
  const bad: [string, string][] = [
    ["{", "not JSON"],
    ["null", "malformed"],
    [JSON.stringify({ ...envelope, type: "heartbeat", leaves: -1 }), '"leaves"'],
    [JSON.stringify({ ...envelope, type: "obey" }), '"type"'],
    [JSON.stringify({ type: "heartbeat", leaves: 1 }), '"runId"'],
  ];
  for (const [text, part] of bad) assertThrows(() => parseWorkerMessage(text), HerdError, part);
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      for (const parse of [parseWorkerMessage, parseCoordinatorMessage]) {
        assertThrows(() => parse(JSON.stringify(value)), HerdError, "malformed");
      }
    }),
    { seed: 6, numRuns: 1_000 },
  );
});
