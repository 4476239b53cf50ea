// A training that diverges ends alone: the others reach the bits that they have without it.
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describeKey, describePosition, runName } from "../../../coordinator/events/mod.ts";
import {
  type Experiment,
  type Listeners,
  runExperiment,
  standOf,
  type Training,
} from "../../../coordinator/experiment/mod.ts";
import { HerdError } from "../../../shared/errors.ts";
import {
  ArithmeticComputer,
  type Asked,
  noListeners,
  smallConfig,
  smallExperiment,
} from "../../fixtures/experiment.ts";

/** Six trainings. */
const EXPERIMENT = smallExperiment({ learningRates: [1e-2, 1e-3], control: true });

/** Runs, and notes what is heard. */
async function run(experiment: Experiment, diverges: (asked: Asked) => boolean) {
  const trainings: Training[] = [];
  const heard: string[] = [];
  const told = (what: string, training: Training) => {
    const { seeds } = experiment;
    heard.push(`${what} ${describePosition(standOf(experiment, training), seeds)}`);
    return Promise.resolve();
  };
  const listeners: Listeners = {
    ...noListeners,
    onEpoch: (training) => told("epoch", training),
    onDivergence: (training) => told("diverged", training),
    onBreak: (training) => told("broken", training),
  };
  let error: unknown;
  try {
    await runExperiment(new ArithmeticComputer(() => {}, diverges), experiment, trainings, listeners);
  } catch (thrown) {
    error = thrown;
  }
  return { trainings, heard, error };
}

/** The weights of each training, by its name. */
function hashesOf(trainings: readonly Training[]): Record<string, string> {
  return Object.fromEntries(trainings.map(({ key, weightsSha256 }) => [runName(key), weightsSha256]));
}

for (const compress of ["none", "fp16"] as const) {
  Deno.test(`a training that diverges, at any step and test, ends alone: --compress ${compress}`, async () => {
    const experiment = { ...EXPERIMENT, config: smallConfig({ compress }) };
    const whole = await run(experiment, () => false);
    const keys = whole.trainings.map(({ key }) => key);
    for (const [epoch, step, isTest] of [[1, 1, false], [1, 3, true], [2, 2, false], [2, 3, true]] as const) {
      for (const key of keys) {
        const name = runName(key);
        const { trainings, heard, error } = await run(
          experiment,
          (asked) =>
            runName(asked.key) === name && asked.epoch === epoch && asked.step >= step && asked.isTest === isTest,
        );
        assertEquals(error, undefined);
        const lost = trainings.find((training) => runName(training.key) === name)!;
        const where = `${describeKey(key, [5])}, epoch ${epoch}, step ${step} of 3`;
        const remedy = key.role === "lose" ? "the weights that it begins with" : "try a --learning-rate below 0.0";
        assertStringIncludes(lost.diverged!, `The ${isTest ? "test " : ""}loss is not finite in ${where}: ${remedy}`);
        assertEquals([lost.epochs.length, lost.current.steps], [epoch - 1, isTest ? 3 : step - 1]);
        assert(lost.weights.every(Number.isFinite));
        assertEquals(heard.filter((what) => what.startsWith("diverged")).length, 1);
        assertEquals(heard.filter((what) => what.startsWith("broken")), []);
        const others = ({ trainings }: typeof whole) => trainings.filter((training) => runName(training.key) !== name);
        assertEquals(hashesOf(others({ ...whole, trainings })), hashesOf(others(whole)), name);
        assert(others({ ...whole, trainings }).every(({ epochs, diverged }) => epochs.length === 2 && !diverged));
      }
    }
  });
}

Deno.test("a divergence is told when it happens, and hands over the weights of the last finished step", async () => {
  const trainings: Training[] = [];
  const kept: [string, Float32Array][] = [];
  const stepped: [string, Float32Array][] = [];
  const listeners: Listeners = {
    ...noListeners,
    onStep: ({ key }) => void stepped.push([runName(key), weightsOf(runName(key))]),
    onDivergence: ({ key, weights }) => Promise.resolve(void kept.push([runName(key), weights.slice()])),
  };
  const weightsOf = (name: string) => trainings.find(({ key }) => runName(key) === name)!.weights.slice();
  const computer = new ArithmeticComputer(
    () => {},
    ({ key, epoch, step }) => key.arm === "gc" && epoch === 2 && step === 3,
  );
  await runExperiment(computer, smallExperiment(), trainings, listeners);
  // Turns: no-gc, gc; gc (diverges in its last step), no-gc.
  assertEquals(
    stepped.map(([name]) => name).join(" "),
    [
      ...Array(3).fill("no-gc-5"),
      ...Array(3).fill("gc-5"),
      ...Array(2).fill("gc-5"),
      ...Array(3).fill("no-gc-5"),
    ].join(" "),
  );
  assertEquals(kept, [stepped[7]!]);
});

Deno.test("where a gradient is not finite, or a weight too large to travel, that too ends one training alone", async () => {
  class Wild extends ArithmeticComputer {
    override async gradients(samples: Parameters<ArithmeticComputer["gradients"]>[0]) {
      const sum = await super.gradients(samples);
      const { key, epoch } = samples.position!;
      if (key.arm === "gc" && epoch === 2) sum.gradient[3] = Infinity;
      return sum;
    }
  }
  const trainings: Training[] = [];
  await runExperiment(new Wild(), smallExperiment(), trainings, noListeners);
  const [noGc, gc] = trainings;
  assertEquals([noGc!.diverged, gc!.epochs.length], [undefined, 1]);
  assertStringIncludes(
    gc!.diverged!,
    "The gradient is not finite in arm gc, epoch 2, step 1 of 3: try a --learning-rate",
  );

  const large = smallExperiment({ config: smallConfig({ compress: "fp16" }), learningRates: [1e-2, 1e5] });
  const compressed: Training[] = [];
  await runExperiment(new ArithmeticComputer(), large, compressed, noListeners);
  assertEquals(compressed.map(({ diverged }) => diverged === undefined), [true, true, false, false]);
  assertStringIncludes(
    compressed[2]!.diverged!,
    "A weight has become too large for --compress fp16 in arm no-gc, rate 100000",
  );
});

Deno.test("where all trainings have diverged the run ends as divergence, and does so again when it is gone on with", async () => {
  const trainings: Training[] = [];
  let calls = 0;
  const attempt = () =>
    runExperiment(new ArithmeticComputer(() => calls++, () => true), smallExperiment(), trainings, noListeners);
  const first = await assertRejects(attempt, HerdError, "The loss is not finite in arm no-gc, epoch 1, step 1 of 3");
  assertEquals([first.code, trainings.length], ["divergence", 2]);
  calls = 0;
  const again = await assertRejects(attempt, HerdError);
  assertEquals([again.message, calls], [first.message, 0]);
});

Deno.test("one of two that has diverged is no divergence of the run; what it had is kept", async () => {
  const { trainings, error } = await run(smallExperiment(), ({ key, epoch }) => key.arm === "no-gc" && epoch === 2);
  assertEquals(error, undefined);
  assertEquals(trainings.map(({ epochs, testLogits }) => [epochs.length, testLogits.length]), [[1, 3], [2, 3]]);
});
