import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { HerdError } from "../../shared/errors.ts";
import { decodeFrame, encodeFrame, type Frame } from "../../shared/frames.ts";
import { parseCoordinatorMessage, parseWorkerMessage, PROTOCOL_VERSION } from "../../shared/protocol.ts";

const RUN = "00112233aabbccdd";
const uint32 = fc.nat({ max: 2 ** 32 - 1 });
const floats = (length: number) => fc.float32Array({ minLength: length, maxLength: length });

const frames: fc.Arbitrary<Frame> = fc.oneof(
  fc.tuple(uint32, uint32, uint32, fc.nat(40), fc.nat(9), fc.integer({ min: 1, max: 3 })).chain(
    ([step, level, index, length, samples, outputs]) =>
      fc.record({
        kind: fc.constant("partial" as const),
        step: fc.constant(step),
        level: fc.constant(level),
        index: fc.constant(index),
        weights: uint32,
        gradient: floats(length),
        losses: floats(samples),
        logits: floats(samples * outputs),
      }),
  ),
  fc.tuple(uint32, uint32, fc.nat(9)).chain(([step, index, samples]) =>
    fc.record({
      kind: fc.constant("predictions" as const),
      step: fc.constant(step),
      index: fc.constant(index),
      weights: uint32,
      losses: floats(samples),
      logits: floats(samples),
    })
  ),
  fc.record({ kind: fc.constant("weights" as const), step: uint32, weights: fc.float32Array() }),
  fc.record({ kind: fc.constant("chunk" as const), index: uint32, bytes: fc.uint8Array() }),
);

Deno.test("frames survive the round trip bit for bit", () => {
  fc.assert(
    fc.property(frames, (frame) => {
      const { buffer } = encodeFrame(RUN, frame);
      const crc = frame.kind === "partial" ? { crc: new DataView(buffer).getUint32(52, true) } : {};
      assertEquals(decodeFrame(RUN, buffer), { ...frame, ...crc });
    }),
    { seed: 4, numRuns: 500 },
  );
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
  const envelope = { protocol: PROTOCOL_VERSION, runId: RUN, step: 3 };
  assertEquals(
    parseWorkerMessage(JSON.stringify({ ...envelope, type: "heartbeat", leaves: 1, milliseconds: 2 })).type,
    "heartbeat",
  );
  assertEquals(parseCoordinatorMessage(JSON.stringify({ ...envelope, type: "stop" })), { ...envelope, type: "stop" });
  const bad: [string, string][] = [
    ["{", "not JSON"],
    ["null", "malformed"],
    [JSON.stringify({ ...envelope, type: "heartbeat", leaves: -1 }), '"leaves"'],
    [JSON.stringify({ ...envelope, type: "obey" }), '"type"'],
    [JSON.stringify({ type: "heartbeat", leaves: 1 }), '"protocol"'],
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
