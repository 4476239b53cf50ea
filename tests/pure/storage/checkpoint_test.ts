import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { NO_FAULTS, type RunHistory, type RunKey, runName } from "../../../coordinator/events/mod.ts";
import { type Experiment, OPTIMIZERS, runExperiment, type Training } from "../../../coordinator/experiment/mod.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../../../coordinator/storage/checkpoint.ts";
import { HerdError } from "../../../shared/errors.ts";
import { decodeSafetensors, encodeSafetensors } from "../../../shared/safetensors.ts";
import {
  ArithmeticComputer,
  type Asked,
  identityOf,
  noListeners,
  smallConfig,
  smallExperiment,
} from "../../fixtures/experiment.ts";

const identity = identityOf(smallExperiment());
const { numeric: config, plan } = identity;
const worker = {
  id: "w1",
  host: "",
  pid: 7,
  engine: "simd",
  adapter: "CPU",
  fingerprint: "ab",
  imagesPerSecond: 2.5,
  computeSeconds: 1 / 3,
} as const;
const history: RunHistory = {
  herd: "1.2.3",
  workers: [worker],
  fingerprints: ["ab", "cd"],
  bitIdentical: false,
  faults: { ...NO_FAULTS, pauses: 2, pausedSeconds: 0.5 },
  checks: { compared: 3, impossible: 1, differing: 1 },
  taints: [{ worker: "r2", host: "node7", since: { key: { arm: "gc", seed: 5 }, epoch: 1, step: 2, steps: 3 } }],
};
const GC = { arm: "gc", seed: 5 } as const;

/** The training of gc at the end of an epoch. */
async function trained(changes: Partial<Experiment> = {}): Promise<Training> {
  const trainings: Training[] = [];
  const experiment = smallExperiment({ arms: ["gc"], epochs: 1, ...changes });
  await runExperiment(new ArithmeticComputer(), experiment, trainings, noListeners);
  return trainings[0]!;
}

const BYTES = encodeCheckpoint({ identity, history, training: await trained() });

function refusalOf(bytes: Uint8Array, expected = identity, key: RunKey = GC): string {
  const error = assertThrows(() => decodeCheckpoint(bytes, expected, key), HerdError);
  assertEquals(error.code, "data");
  return error.message;
}

Deno.test("a checkpoint comes back as it was: weights, slots, position, sums, history", async () => {
  const before = { identity, history, training: await trained() };
  const bytes = encodeCheckpoint(before);
  assertEquals(decodeCheckpoint(bytes, identity, GC), before);
  const { tensors, metadata } = decodeSafetensors(bytes);
  const slots = ["optimizer/1/velocity", "optimizer/2/momentum"];
  assertEquals(Object.keys(tensors), ["weights", "testLogits", ...slots, "sha256"]);
  assertEquals(metadata["format"], "herd-checkpoint-4");
});

Deno.test("a checkpoint names workers' engines as they were called then", async () => {
  const workers = [{ ...worker, engine: "cpu" }];
  const before = { identity, history: { ...history, workers }, training: await trained() };
  assertEquals(decodeCheckpoint(encodeCheckpoint(before), identity, GC).history.workers, workers);
});

Deno.test("a checkpoint of a run that compresses its weights holds the residual, of the right size", async () => {
  const numeric = smallConfig({ compress: "bf16" });
  const compressing = { ...identity, numeric };
  const training = await trained({ config: numeric });
  const bytes = encodeCheckpoint({ identity: compressing, history, training });
  assertEquals(decodeCheckpoint(bytes, compressing, GC).training, training);
  assert(decodeSafetensors(bytes).tensors["residual"]!.data.some((value) => value !== 0));
  for (const [residual, sentence] of [[new Float32Array(3), "has 3 values"], [undefined, "has no values"]] as const) {
    const { residual: _residual, ...rest } = training;
    const damaged = residual === undefined ? rest : { ...rest, residual };
    const text = refusalOf(encodeCheckpoint({ identity: compressing, history, training: damaged }), compressing);
    assertStringIncludes(text, `tensor "residual" ${sentence}`);
  }
  assertStringIncludes(refusalOf(bytes), 'compress is "bf16" there and "none" here');
});

Deno.test("a checkpoint keeps rate, role, divergence, and the slots of each optimizer", async () => {
  for (const optimizer of OPTIMIZERS) {
    const experiment = smallExperiment({
      config: smallConfig({ optimizer, momentum: optimizer === "adam" ? 0 : 0.5 }),
      arms: ["gc"],
      epochs: 1,
      learningRates: [1e-2, 1e-3],
      control: true,
    });
    const trainings: Training[] = [];
    const isLost = ({ key, step }: Asked) => key.learningRate !== undefined && step === 2;
    await runExperiment(new ArithmeticComputer(() => {}, isLost), experiment, trainings, noListeners);
    const known = identityOf(experiment);
    for (const training of trainings) {
      const bytes = encodeCheckpoint({ identity: known, history, training });
      assertEquals(decodeCheckpoint(bytes, known, training.key).training, training, optimizer);
      for (const { key } of trainings.filter((other) => other !== training)) {
        assertEquals(refusalOf(bytes, known, key), `it is of ${runName(training.key)}, not of ${runName(key)}`);
      }
    }
    assertEquals(trainings.map(({ key }) => runName(key)), ["gc-5", "gc-5-0.001", "gc-5-again", "gc-5-lose"]);
    assertEquals(trainings.map(({ diverged }) => diverged !== undefined), [false, true, false, false]);
  }
});

Deno.test("a checkpoint of one training is not taken for another's", () => {
  assertEquals(refusalOf(BYTES, identity, { arm: "no-gc", seed: 5 }), "it is of gc-5, not of no-gc-5");
  assertEquals(refusalOf(BYTES, identity, { arm: "gc", seed: 6 }), "it is of gc-5, not of gc-6");
});

Deno.test("a checkpoint keeps every float: −0, subnormals and infinities in tensors, exact float64 in sums and records", async () => {
  const state = await trained();
  const bits = (values: ArrayLike<number>) => [...new Uint8Array(Float64Array.from(values).buffer)];
  fc.assert(fc.property(
    fc.array(fc.float({ noNaN: true }), { minLength: 1, maxLength: 20 }),
    fc.double(),
    fc.double({ min: 0, noNaN: true }),
    (values, loss, seconds) => {
      const weights = state.weights.slice();
      weights.set(values);
      const times = [{ images: 8, timed: 1, untimed: 0, seconds }];
      const current = { ...state.current, times, metrics: { loss, correct: 3, samples: 8 } };
      const record = { ...state.epochs[0]!, testLoss: loss };
      const bytes = encodeCheckpoint({ identity, history, training: { ...state, weights, current, epochs: [record] } });
      const { training: after } = decodeCheckpoint(bytes, identity, GC);
      assertEquals(bits(after.weights), bits(weights));
      const read = [after.current.metrics.loss, after.current.times[0]!.seconds, after.epochs[0]!.testLoss];
      assertEquals(bits(read), bits([loss, seconds, loss]));
    },
  ));
});

Deno.test("a checkpoint is a copy: training that goes on does not change it", async () => {
  const training = await trained();
  const bytes = encodeCheckpoint({ identity, history, training });
  training.weights.fill(7);
  assert(decodeCheckpoint(bytes, identity, GC).training.weights[0] !== 7);
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
  const text = refusalOf(BYTES, { ...identity, numeric, plan: { ...plan, arms: ["gc"], seed: 6, control: true } });
  assertStringIncludes(text, 'it is of another run: arms is ["no-gc","gc"] there and ["gc"] here');
  assertStringIncludes(text, "learningRate is 0.01 there and 0.5 here");
  assertStringIncludes(text, "limit is null there and 9 here");
  assertStringIncludes(text, "seed is 5 there and 6 here");
  assertStringIncludes(text, "control is false there and true here");
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
  const older = "its format is herd-checkpoint-1, and this version of Herd reads herd-checkpoint-4";
  assertEquals(refusalOf(await seal({}, "herd-checkpoint-1")), older);
  assertStringIncludes(refusalOf(await seal({}, "herd-checkpoint-4")), "its content cannot be read");
});
