import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { ARM_NAMES, type EpochRecord, type RunKey, runName } from "../../../coordinator/events/mod.ts";
import { armOptimizer } from "../../../coordinator/experiment/arms.ts";
import type { PartialSum } from "../../../shared/sums.ts";
import {
  batchesOf,
  type Experiment,
  rateOf,
  type StepComputer,
  streamOf,
} from "../../../coordinator/experiment/experiment.ts";
import { runExperiment } from "../../../coordinator/experiment/run_experiment.ts";
import { type Training, weightsHash } from "../../../coordinator/experiment/training.ts";
import type { Samples } from "../../../coordinator/cluster/mod.ts";
import { HerdError } from "../../../shared/errors.ts";
import { type Compression, COMPRESSIONS, decodeHalf, encodeHalf, type Half } from "../../../shared/half.ts";
import { builtInModel, parameterCount, parameterTable } from "../../../shared/model.ts";
import {
  ArithmeticComputer,
  FAIR,
  noListeners,
  PLAIN,
  smallConfig,
  smallExperiment,
} from "../../fixtures/experiment.ts";

const MODEL = builtInModel("tiny", 22);
const SIZE = parameterCount(MODEL);

function experiment(): Experiment {
  const ids = Uint32Array.from({ length: 19 }, (_, i) => 2 * i);
  return {
    config: smallConfig({ momentum: 0 }),
    arms: ["no-gc", "gc"],
    seeds: [5],
    ...FAIR,
    learningRates: [1e-2],
    epochs: 2,
    initialWeights: () => new Float32Array(SIZE).fill(0.5),
    train: { ids, labels: Uint8Array.from({ length: 40 }, (_, i) => i % 4 === 0 ? 1 : 0) },
    test: { ids: Uint32Array.of(0, 1, 2), labels: Uint8Array.of(1, 1, 0) },
  };
}

/** Computes gradients from sample ids alone, and notes what it is asked for. */
class FakeComputer implements StepComputer {
  readonly traffic = { up: 0, down: 0 };
  readonly batches: number[][] = [];
  readonly weights: Float32Array[] = [];
  /** How they came, and the work between: "step" or "test". */
  readonly calls: string[] = [];
  lossAt: (call: number) => number = () => 0.25;

  setWeights(weights: Float32Array, compress: Compression): Promise<void> {
    this.weights.push(weights.slice());
    this.calls.push(compress);
    return Promise.resolve();
  }

  gradients({ ids }: Samples): Promise<PartialSum> {
    const losses = new Float32Array(ids.length).fill(this.lossAt(this.batches.length));
    this.batches.push(Array.from(ids));
    this.calls.push("step");
    const gradient = Float32Array.from({ length: SIZE }, (_, i) => ids.length * (1 + i % 7));
    return Promise.resolve({ node: { level: 0, index: 0 }, gradient, losses, logits: Float32Array.from(ids, () => 1) });
  }

  evaluate({ ids }: Samples) {
    this.calls.push("test");
    const ones = new Float32Array(ids.length).fill(1);
    return Promise.resolve({ losses: ones, logits: ones });
  }
}

Deno.test("runExperiment() gives every arm the same batches from the same weights, in turns by epoch, and keeps the last batch of 3", async () => {
  const computer = new FakeComputer();
  const records: [string, EpochRecord][] = [];
  await runExperiment(computer, experiment(), [], {
    ...noListeners,
    onEpoch: ({ key: { arm } }, record) => Promise.resolve(void records.push([arm, record])),
  });
  assertEquals(computer.batches.map(({ length }) => length), [8, 8, 3, 8, 8, 3, 8, 8, 3, 8, 8, 3]);
  // Epoch 1: no-gc, gc; epoch 2: gc, no-gc.
  const [noGc, gc, gcAgain, noGcAgain] = [0, 3, 6, 9].map((start) => computer.batches.slice(start, start + 3));
  assertEquals([noGc, noGcAgain], [gc, gcAgain]);
  assertEquals(String(noGc) === String(noGcAgain), false);
  assertEquals(computer.batches.slice(0, 3).flat().sort((a, b) => a - b), [...experiment().train.ids]);
  // Weights are sent once after each of the steps, and before a turn if those of another training are there: gc has two
  // turns, one after the other.
  assertEquals(computer.weights.length, 12 + 3);
  assertEquals([0, 4].map((i) => computer.weights[i]), [5, 5].map(experiment().initialWeights));
  assertEquals(computer.weights[11], computer.weights[3]);
  assertEquals(records.map(([arm, { epoch }]) => [arm, epoch]), [["no-gc", 1], ["gc", 1], ["gc", 2], ["no-gc", 2]]);
  const [, first] = records[0]!;
  assertAlmostEquals(first.loss, 0.25, 1e-12);
  // Ids are even; every second of them has label 1, which is what the logits say of all.
  assertAlmostEquals(first.accuracy, 10 / 19, 1e-12);
  assertAlmostEquals(first.testAccuracy, 2 / 3, 1e-12);
});

Deno.test("runExperiment() compresses weights within an epoch, with error feedback, tests the exact ones, and sends none twice", async () => {
  const runs = await Promise.all(COMPRESSIONS.map(async (compress) => {
    const computer = new FakeComputer();
    const trainings: Training[] = [];
    const config = smallConfig({ momentum: 0, compress });
    await runExperiment(computer, { ...experiment(), config, arms: ["gc"] }, trainings, noListeners);
    return { compress, computer, state: trainings[0]! };
  }));
  const [exact, ...compressed] = runs;
  for (const { compress, computer, state } of runs) {
    const epoch = ["step", compress, "step", compress, "step", "none", "test"];
    assertEquals(computer.calls, ["none", ...epoch, ...epoch]);
    // The fake's gradients do not depend on the weights, so the exact ones are those of the other run.
    for (const i of [0, 3, 6]) assertEquals(computer.weights[i], exact!.computer.weights[i]);
    assertEquals(state.weights, exact!.state.weights);
  }
  assertEquals("residual" in exact!.state, false);
  for (const { compress, computer, state } of compressed) {
    const half = compress as Half;
    const round = (weights: Float32Array) => decodeHalf(encodeHalf(weights, half), half);
    const [, first, second] = computer.weights;
    for (const sent of [first!, second!]) assertEquals(round(sent), sent);
    // The second message makes up for what the first one has left over.
    const [one, two] = exact!.computer.weights.slice(1);
    assertEquals(first, round(one!));
    assertEquals(second, round(two!.map((weight, i) => weight + (one![i]! - first![i]!))));
    assert(state.residual!.some((value) => value !== 0));
  }
});

Deno.test("runExperiment() ends as divergence when a test's loss is not finite: no figure of it gets into a record", async () => {
  const computer = new ArithmeticComputer(() => {}, ({ epoch, isTest }) => epoch === 2 && isTest);
  const trainings: Training[] = [];
  const error = await assertRejects(
    () => runExperiment(computer, smallExperiment({ arms: ["gc"] }), trainings, noListeners),
    HerdError,
    "The test loss is not finite in arm gc, epoch 2, step 3 of 3",
  );
  assertEquals(error.code, "divergence");
  assertEquals(trainings[0]!.epochs.length, 1);
});

Deno.test("runExperiment() ends as divergence when a weight is too large for fp16, and keeps the weights", async () => {
  const large: Experiment = {
    ...experiment(),
    arms: ["no-gc"],
    config: smallConfig({ momentum: 0, compress: "fp16" }),
    initialWeights: () => new Float32Array(SIZE).fill(7e4),
  };
  const trainings: Training[] = [];
  const error = await assertRejects(
    () => runExperiment(new FakeComputer(), large, trainings, noListeners),
    HerdError,
    "A weight has become too large for --compress fp16 in arm no-gc, epoch 1, step 1 of 3: try --compress none",
  );
  assertEquals(error.code, "divergence");
  assert(trainings[0]!.weights.every((weight) => Math.abs(weight - 7e4) < 1));
});

Deno.test("runExperiment() divides by the samples of the batch: a short batch weighs its samples as a long one", async () => {
  const computer = new FakeComputer();
  await runExperiment(computer, { ...experiment(), arms: ["no-gc"], epochs: 1 }, [], noListeners);
  // The mean gradient is the same in every batch, so RMSprop's first step has the size that arithmetic gives it.
  const step = 1e-2 / Math.sqrt(0.1 + 1e-7);
  assertAlmostEquals(computer.weights[1]![0]!, 0.5 - step, 1e-6);
});

Deno.test("runExperiment() times every step but the first of the process", async () => {
  const trainings: Training[] = [];
  const timed: (readonly [timed: number, untimed: number])[][] = [];
  const onStep = ({ key }: { key: { arm: string } }) =>
    void timed.push(
      trainings.find((training) => training.key.arm === key.arm)!.current.times.map(({ timed, untimed }) => [
        timed,
        untimed,
      ]),
    );
  await runExperiment(new FakeComputer(), { ...experiment(), epochs: 1 }, trainings, { ...noListeners, onStep });
  assertEquals(timed, [[[0, 1]], [[1, 1]], [[1, 1], [1, 0]], [[1, 0]], [[2, 0]], [[2, 0], [1, 0]]]);
});

Deno.test("the order of the arms, and other seeds beside them, change no weights", async () => {
  const hashes = async (changes: Partial<Experiment>) => {
    const trainings: Training[] = [];
    const config = smallConfig({ compress: "bf16" });
    const whole = smallExperiment({ config, epochs: 3, ...changes });
    await runExperiment(new ArithmeticComputer(), whole, trainings, noListeners);
    return Object.fromEntries(trainings.map(({ key, weightsSha256 }) => [runName(key), weightsSha256]));
  };
  const both = await hashes({ arms: ["no-gc", "gc"] });
  assertEquals(await hashes({ arms: ["gc", "no-gc"] }), both);
  assertEquals({ ...await hashes({ arms: ["gc"] }), ...await hashes({ arms: ["no-gc"] }) }, both);
  const other = await hashes({ seeds: [8] });
  assertEquals(await hashes({ seeds: [5, 8] }), { ...both, ...other });
  assertEquals(new Set(Object.values({ ...both, ...other })).size, 4);
});

/** The order of an epoch, as a text. */
function orderOf(key: RunKey, epoch = 1): string {
  return String(batchesOf(experiment(), { key, epoch }).map((batch) => [...batch]));
}

Deno.test("batchesOf() is another permutation each epoch and seed", () => {
  const flat = (seed: number, epoch: number) => orderOf({ arm: "gc", seed }, epoch);
  assertEquals(new Set([flat(5, 1), flat(5, 2), flat(6, 1), flat(5, 1)]).size, 3);
});

Deno.test("all trainings of a seed see the same order, but the control that has another random stream", () => {
  const seed = 5;
  const same: RunKey[] = [
    { arm: "no-gc", seed },
    { arm: "gc", seed },
    { arm: "gc", seed, learningRate: 3e-4 },
    { arm: "no-gc", seed, role: "lose" },
    { arm: "gc", seed, role: "published" },
  ];
  const again = (seed: number): RunKey => ({ arm: "no-gc", seed, role: "again" });
  assertEquals(same.map(streamOf), same.map(() => seed));
  assertEquals(new Set(same.map((key) => orderOf(key))).size, 1);
  // No seed that a person would take has the same stream.
  const streams = Array.from({ length: 1000 }, (_, seed) => streamOf(again(seed)));
  assertEquals(new Set(streams).size, streams.length);
  assertEquals(streams.filter((stream) => stream < 1000), []);
  assert(streams.every((stream) => Number.isInteger(stream) && stream >= 0 && stream < 2 ** 32));
  assertEquals(new Set([orderOf(same[0]!), orderOf(again(seed)), orderOf(again(6))]).size, 3);
  assertEquals(streamOf(again(0)), 383913478); // for ever: runs are known by their seeds
});

Deno.test("rateOf(): the config's where the key names none; the control that must lose learns nothing", () => {
  const of = (more: Partial<RunKey>) => rateOf({ arm: "gc", seed: 0, ...more }, { learningRate: 0.25 });
  assertEquals([of({}), of({ learningRate: 0.5 })], [0.25, 0.5]);
  assertEquals([of({ role: "again" }), of({ role: "published" }), of({ role: "lose" })], [0.25, 0.25, 0]);
});

Deno.test("runExperiment() updates each training by its own rate, and by nothing else that its key names", async () => {
  const { learningRate } = smallConfig();
  const weightsOf = async (changes: Partial<Experiment>) => {
    const trainings: Training[] = [];
    await runExperiment(new ArithmeticComputer(), smallExperiment(changes), trainings, noListeners);
    return Object.fromEntries(trainings.map(({ key, weightsSha256 }) => [runName(key), weightsSha256]));
  };
  const all = await weightsOf({ learningRates: [learningRate, 0.05], control: true });
  assertEquals(new Set(Object.values(all)).size, 2 * 2 + 2);
  assertEquals(all["no-gc-5-lose"], await weightsHash(smallExperiment().initialWeights(5)));
  const alone = await weightsOf({ config: smallConfig({ learningRate: 0.05 }) });
  assertEquals([all["no-gc-5-0.05"], all["gc-5-0.05"]], [alone["no-gc-5"], alone["gc-5"]]);
  const plain = await weightsOf({});
  assertEquals([all["no-gc-5"], all["gc-5"]], [plain["no-gc-5"], plain["gc-5"]]);
});

Deno.test("armOptimizer(): gc centralizes the gradient, gc-update the update, no-gc nothing", () => {
  const table = parameterTable(MODEL);
  const [kernel] = table;
  const outputs = kernel!.shape.at(-1)!;
  const settings = { ...PLAIN, learningRate: 1e-2, momentum: 0.5 };
  const means = ARM_NAMES.map((arm) => {
    const optimizer = armOptimizer(arm, settings);
    const update = Float32Array.from({ length: SIZE }, (_, i) => Math.sin(i) + 2);
    optimizer.update(update, { state: optimizer.init(table), table, weights: new Float32Array(SIZE) });
    const column = update.subarray(0, kernel!.size).filter((_, i) => i % outputs === 0);
    return Math.abs(column.reduce((a, b) => a + b, 0) / column.length);
  });
  const [plain, gc, gcUpdate] = means;
  assert(plain! > 0.02, `${plain}`);
  assert(gc! < plain! && gc! > 1e-6, `${gc}`); // scaling each element undoes the zero mean
  assert(gcUpdate! < 1e-8, `${gcUpdate}`);
});
