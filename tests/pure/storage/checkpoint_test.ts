import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from "../../../coordinator/storage/checkpoint.ts";
import { NO_FAULTS } from "../../../coordinator/events/mod.ts";
import { type ArmState, runExperiment } from "../../../coordinator/experiment/experiment.ts";
import { HerdError } from "../../../shared/errors.ts";
import { decodeSafetensors, encodeSafetensors } from "../../../shared/safetensors.ts";
import { ArithmeticComputer, smallExperiment } from "../../fixtures/experiment.ts";

const { config, arms } = smallExperiment();
const identity = { runId: "0123456789abcdef", numeric: config, arms };
const history = { herd: "1.2.3", fingerprints: ["ab", "cd"], bitIdentical: false, faults: { ...NO_FAULTS, pauses: 2 } };

async function checkpoint(): Promise<Checkpoint> {
  const states: ArmState[] = [];
  await runExperiment(new ArithmeticComputer(), smallExperiment({ epochs: 1 }), states, {
    onStep() {},
    onEpoch: () => Promise.resolve(),
    onBreak: () => Promise.resolve(),
  });
  return { identity, history, states };
}

const BYTES = encodeCheckpoint(await checkpoint());

function refusalOf(bytes: Uint8Array, expected = identity): string {
  const error = assertThrows(() => decodeCheckpoint(bytes, expected), HerdError);
  assertEquals(error.code, "data");
  return error.message;
}

Deno.test("a checkpoint comes back as it was: weights, slots, position, sums, history", async () => {
  const before = await checkpoint();
  const bytes = encodeCheckpoint(before);
  assertEquals(decodeCheckpoint(bytes, identity), before);
  const { tensors } = decodeSafetensors(bytes);
  assertEquals(Object.keys(tensors), [
    "no-gc/weights",
    "no-gc/optimizer/0/velocity",
    "no-gc/optimizer/1/momentum",
    "gc/weights",
    "gc/optimizer/1/velocity",
    "gc/optimizer/2/momentum",
    "sha256",
  ]);
});

Deno.test("a checkpoint of a run that compresses its weights holds the residuals, of the right size", async () => {
  const experiment = smallExperiment({ epochs: 1, config: { ...config, compress: "bf16" } });
  const compressing = { ...identity, numeric: experiment.config };
  const states: ArmState[] = [];
  const listeners = { onStep() {}, onEpoch: () => Promise.resolve(), onBreak: () => Promise.resolve() };
  await runExperiment(new ArithmeticComputer(), experiment, states, listeners);
  const bytes = encodeCheckpoint({ identity: compressing, history, states });
  assertEquals(decodeCheckpoint(bytes, compressing).states, states);
  assert(decodeSafetensors(bytes).tensors["gc/residual"]!.data.some((value) => value !== 0));
  for (const [residual, sentence] of [[new Float32Array(3), "has 3 values"], [undefined, "has no values"]] as const) {
    const { residual: _residual, ...rest } = states[1]!;
    const damaged = [states[0]!, residual === undefined ? rest : { ...rest, residual }];
    const text = refusalOf(encodeCheckpoint({ identity: compressing, history, states: damaged }), compressing);
    assertStringIncludes(text, `tensor "gc/residual" ${sentence}`);
  }
  assertStringIncludes(refusalOf(bytes), 'compress is "bf16" there and "none" here');
});

Deno.test("a checkpoint from before there was compression is one of a run without it", async () => {
  const { compress: _compress, compressGradients: _gradients, ...numeric } = config;
  const before = await checkpoint();
  const older = { ...before, identity: { ...identity, numeric: numeric as typeof config } };
  assertEquals(decodeCheckpoint(encodeCheckpoint(older), identity), before);
});

Deno.test("a checkpoint keeps every float: −0, subnormals and infinities in tensors, exact float64 in sums and records", async () => {
  const [state] = (await checkpoint()).states;
  const bits = (values: ArrayLike<number>) => [...new Uint8Array(Float64Array.from(values).buffer)];
  fc.assert(fc.property(
    fc.array(fc.float({ noNaN: true }), { minLength: 1, maxLength: 20 }),
    fc.double(),
    fc.double({ min: 0, noNaN: true }),
    (values, loss, seconds) => {
      const weights = state!.weights.slice();
      weights.set(values);
      const current = { ...state!.current, seconds, metrics: { loss, correct: 3, samples: 8 } };
      const record = { ...state!.epochs[0]!, testLoss: loss };
      const states = [{ ...state!, weights, current, epochs: [record] }];
      const [after] = decodeCheckpoint(encodeCheckpoint({ identity, history, states }), identity).states;
      assertEquals(bits(after!.weights), bits(weights));
      const read = [after!.current.metrics.loss, after!.current.seconds, after!.epochs[0]!.testLoss];
      assertEquals(bits(read), bits([loss, seconds, loss]));
    },
  ));
});

Deno.test("a checkpoint is a copy: training that goes on does not change it", async () => {
  const { states } = await checkpoint();
  const bytes = encodeCheckpoint({ identity, history, states });
  states[0]!.weights.fill(7);
  assert(decodeCheckpoint(bytes, identity).states[0]!.weights[0] !== 7);
});

Deno.test("a flipped bit anywhere is noticed: length, header, padding, weights, digest", () => {
  const headerEnd = 8 + Number(new DataView(BYTES.buffer).getBigUint64(0, true));
  const sample = fc.sample(fc.nat({ max: BYTES.length - 1 }), { numRuns: 200, seed: 1 });
  const ends = [0, 7, 8, 9, headerEnd - 1, headerEnd, BYTES.length - 33, BYTES.length - 32, BYTES.length - 1];
  for (const position of [...ends, ...sample]) {
    for (const bit of [1, 0x80]) {
      const bytes = BYTES.slice();
      bytes[position]! ^= bit;
      assertStringIncludes(refusalOf(bytes), "it is damaged");
    }
  }
});

Deno.test("a checkpoint cut short is noticed, whatever is left", () => {
  for (const length of [0, 1, 31, 32, 33, 1000, BYTES.length - 1]) {
    assertStringIncludes(refusalOf(BYTES.slice(0, length)), "it is damaged");
  }
});

Deno.test("a checkpoint of another run is refused with the fields that differ", () => {
  const numeric = { ...config, learningRate: 0.5, limit: 9 };
  const text = refusalOf(BYTES, { ...identity, numeric, arms: ["gc"] });
  assertStringIncludes(text, 'it is of another run: arms is ["no-gc","gc"] there and ["gc"] here');
  assertStringIncludes(text, "learningRate is 0.01 there and 0.5 here");
  assertStringIncludes(text, "limit is null there and 9 here");
  assertEquals(text.includes("momentum"), false);
  assertStringIncludes(refusalOf(BYTES, { ...identity, runId: "f".repeat(16) }), 'runId is "0123456789abcdef" there');
});

Deno.test("a whole file with the right digest that is no checkpoint, or of another format, is refused", async () => {
  const seal = async (tensors: Record<string, { shape: number[]; data: Uint8Array }>, format: string) => {
    const digest = { shape: [32], data: new Uint8Array(32) };
    const bytes = encodeSafetensors({ tensors: { ...tensors, digest }, metadata: { format } });
    bytes.set(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes.slice(0, -32))), bytes.length - 32);
    return bytes;
  };
  assertStringIncludes(refusalOf(await seal({}, "herd-checkpoint-0")), "its format is herd-checkpoint-0");
  assertStringIncludes(refusalOf(await seal({}, "herd-checkpoint-1")), "its content cannot be read");
});
