import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ARM_NAMES, type ArmName } from "../../../coordinator/events/mod.ts";
import { armOptimizer, type OptimizerSettings } from "../../../coordinator/experiment/arms.ts";
import { outputMeans } from "../../../coordinator/experiment/centralize.ts";
import { OPTIMIZERS } from "../../../coordinator/experiment/numeric_config.ts";
import { applyUpdate, type GradientTransformation } from "../../../coordinator/experiment/optimizer.ts";
import { weightsHash } from "../../../coordinator/experiment/training.ts";
import { builtInModel, type Parameter, parameterCount, parameterTable } from "../../../shared/model.ts";
import { float32, golden } from "../../fixtures/golden.ts";
import { tableOf } from "../../fixtures/parameters.ts";
import { granted } from "../../fixtures/permissions.ts";
import { randomOf } from "../../fixtures/random.ts";

const noFiles = !await granted("read"); // golden values are files

const SETTINGS: OptimizerSettings = {
  learningRate: 1e-2,
  optimizer: "rmsprop",
  momentum: 0,
  nesterov: false,
  gcScope: "all",
  gcScale: 1,
};

interface Steps {
  readonly table: readonly Parameter[];
  readonly initial: Float32Array;
  /** Of all steps, one after another. */
  readonly gradients: Float32Array;
}

/** Weights and updates after each step, one after another. */
function run(optimizer: GradientTransformation, { table, initial, gradients }: Steps) {
  const weights = initial.slice();
  const state = optimizer.init(table);
  const [after, updates] = [new Float32Array(gradients.length), new Float32Array(gradients.length)];
  for (let start = 0; start < gradients.length; start += weights.length) {
    const gradient = gradients.slice(start, start + weights.length);
    optimizer.update(gradient, { state, weights, table });
    updates.set(gradient, start);
    applyUpdate(weights, gradient);
    after.set(weights, start);
  }
  return { after, updates, weights };
}

const KERAS: Readonly<Record<string, Partial<OptimizerSettings>>> = {
  sgd: { optimizer: "sgd" },
  sgd_momentum: { optimizer: "sgd", momentum: 0.9 },
  sgd_nesterov: { optimizer: "sgd", momentum: 0.9, nesterov: true },
  adam: { optimizer: "adam" },
  rmsprop: { optimizer: "rmsprop" },
};

for (const [name, settings] of Object.entries(KERAS)) {
  Deno.test({
    name: `the arms no-gc and gc have Keras's weights after each of six steps: ${name}`,
    ignore: noFiles,
    fn() {
      const file = golden("optimizers");
      const table = tableOf(...JSON.parse(file.metadata["shapes"]!) as number[][]);
      const steps = { table, initial: float32(file, "initial"), gradients: float32(file, "gradients") };
      const learningRate = JSON.parse(file.metadata["learning_rate"]!) as number;
      const arms = { "no-gc": `${name}/plain`, gc: `${name}/gc` };
      const results = Object.entries(arms).map(([arm, tensor]) => {
        const expected = float32(file, tensor);
        const { after } = run(armOptimizer(arm as ArmName, { ...SETTINGS, ...settings, learningRate }), steps);
        after.forEach((weight, i) => assertAlmostEquals(weight, expected[i]!, 1e-7, `${arm}, value ${i}`));
        return after;
      });
      // The test would see GC that does nothing, and weights that stay.
      assert(results[0]!.some((weight, i) => Math.abs(weight - results[1]![i]!) > 1e-3));
      assert(results[0]!.some((weight, i) => Math.abs(weight - steps.initial[i % steps.initial.length]!) > 1e-3));
    },
  });
}

/** As of the version that had no other optimizer: from there on, no bit has changed, and checkpoints are read. */
const RMSPROP: readonly (readonly [ArmName, momentum: number, slots: string, sha256: string])[] = [
  ["no-gc", 0, "0/velocity", "d5ee424d96361379e3d619475bce2c8997ee2f7fa9a943b3cc29dd68526d8ad2"],
  ["no-gc", 0.9, "0/velocity,1/momentum", "6be61268cc55b9013952c5d9143c0f8466cfcc37dcbbfeb9945d679844867c8b"],
  ["gc", 0, "1/velocity", "0a7c5cdb8aff38409f927a111bc05a5bf5ebf09173b925c6bba538d2ecdd37bc"],
  ["gc", 0.9, "1/velocity,2/momentum", "506a8ef2c53f2a901f03dd5053e14f77eb17181af68ca96da59e065d2269376f"],
  ["gc-update", 0, "0/velocity", "953667143951765ba98ad46cd51b0df6d0cf8565fb2c956c0096878029fcf42b"],
  ["gc-update", 0.9, "0/velocity,1/momentum", "5fd83cfb2bb6fa5c13998c9fc473fba1c18520848e3a5ca5023284be51a984fa"],
];

for (const [arm, momentum, slots, sha256] of RMSPROP) {
  Deno.test(`rmsprop with momentum ${momentum} has the slots and bits that it always had: ${arm}`, async () => {
    const model = builtInModel("tiny", 22);
    const table = parameterTable(model);
    const random = randomOf(13);
    const weights = Float32Array.from({ length: parameterCount(model) }, () => random() - 0.5);
    const optimizer = armOptimizer(arm, { ...SETTINGS, learningRate: 1e-3, momentum });
    const state = optimizer.init(table);
    for (let step = 0; step < 5; step++) {
      const gradient = weights.map(() => (random() - 0.4) * 10 ** -step);
      optimizer.update(gradient, { state, weights, table });
      applyUpdate(weights, gradient);
    }
    assertEquals(Object.keys(state).join(), slots);
    assertEquals(await weightsHash(weights), sha256);
  });
}

Deno.test("the slots of the other optimizers keep their names too, and Adam's count of steps is one value", () => {
  const slots = (arm: ArmName, settings: Partial<OptimizerSettings>) => {
    const state = armOptimizer(arm, { ...SETTINGS, ...settings }).init(tableOf([2, 2], [2]));
    return Object.entries(state).map(([name, { length }]) => `${name} ${length}`);
  };
  assertEquals(slots("no-gc", { optimizer: "sgd" }), []);
  assertEquals(slots("no-gc", { optimizer: "sgd", momentum: 0.9 }), ["1/momentum 6"]);
  assertEquals(slots("gc", { optimizer: "sgd", momentum: 0.9, nesterov: true }), ["2/momentum 6"]);
  assertEquals(slots("no-gc", { optimizer: "adam" }), ["0/momentum 6", "0/velocity 6", "0/steps 1"]);
  assertEquals(slots("gc-update", { optimizer: "adam" }), ["0/momentum 6", "0/velocity 6", "0/steps 1"]);
});

const TABLE = tableOf([2, 2, 1, 2], [3, 2], [2]);
const SIZE = 16;
const STEPS = 3;

const stepsOf = fc.record({
  table: fc.constant(TABLE),
  initial: floats(SIZE, 1),
  gradients: floats(SIZE * STEPS, 100),
});
const settings = fc.record({
  learningRate: fc.constant(1e-2),
  optimizer: fc.constantFrom(...OPTIMIZERS),
  momentum: fc.constantFrom(0, 0.9),
  nesterov: fc.boolean(),
  gcScope: fc.constantFrom("all" as const, "conv" as const),
  gcScale: fc.constantFrom(0.25, 1),
});

function floats(length: number, limit: number) {
  return fc.array(fc.float({ min: -limit, max: limit, noNaN: true }), { minLength: length, maxLength: length })
    .map((values) => Float32Array.from(values));
}

Deno.test("with scale 0 all arms have the bits of no-gc, whatever the optimizer", () => {
  fc.assert(
    fc.property(stepsOf, settings, (steps, settings) => {
      const [first, ...others] = ARM_NAMES.map((arm) =>
        run(armOptimizer(arm, { ...settings, gcScale: 0 }), steps).after
      );
      for (const other of others) assert(other.every((weight, i) => Object.is(weight, first![i]!)));
    }),
    { seed: 5, numRuns: 200 },
  );
});

Deno.test("gc-update's updates have zero mean for each output of the kernels in scope, with any optimizer", () => {
  fc.assert(
    fc.property(stepsOf, settings, (steps, settings) => {
      const { updates } = run(armOptimizer("gc-update", { ...settings, gcScale: 1 }), steps);
      const plain = run(armOptimizer("no-gc", settings), steps);
      for (let step = 0; step < STEPS; step++) {
        const [own, other] = [updates, plain.updates].map((all) => all.subarray(step * SIZE, (step + 1) * SIZE));
        const largest = Math.max(...own!.map(Math.abs), ...other!.map(Math.abs));
        const [conv, dense, bias] = TABLE;
        const kernels = settings.gcScope === "all" ? [conv!, dense!] : [conv!];
        const means = kernels.flatMap((kernel) => [...outputMeans(own!, kernel)]);
        for (const mean of means) assertAlmostEquals(mean, 0, 1e-6 * largest);
        const { offset } = settings.gcScope === "all" ? bias! : dense!;
        assertEquals(own!.subarray(offset), other!.subarray(offset));
      }
    }),
    { seed: 6, numRuns: 200 },
  );
});

Deno.test("sgd is linear: gc and gc-update have the same updates but for rounding", () => {
  fc.assert(
    fc.property(stepsOf, settings, (steps, settings) => {
      const [gc, update] = (["gc", "gc-update"] as const).map((arm) =>
        run(armOptimizer(arm, { ...settings, optimizer: "sgd" }), steps).updates
      );
      gc!.forEach((g, i) => assertAlmostEquals(g, update![i]!, 1e-5));
    }),
    { seed: 7, numRuns: 100 },
  );
});
