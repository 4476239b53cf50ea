// What an experiment keeps in memory and on the disk: weights are let go of, models are whole, and further seeds come later.
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { allKeys, bestEpochOf, type RunEvent, runName, type Taint } from "../../../coordinator/events/mod.ts";
import {
  type Experiment,
  runExperiment,
  type StepProgress,
  type Training,
  weightsHash,
} from "../../../coordinator/experiment/mod.ts";
import { loadCheckpoints } from "../../../coordinator/storage/resume.ts";
import { CheckpointStore } from "../../../coordinator/storage/checkpoint_store.ts";
import { HerdError } from "../../../shared/errors.ts";
import { ArithmeticComputer, type Asked, identityOf, noListeners, smallExperiment } from "../../fixtures/experiment.ts";
import { assertModels, bitsOf, checkpointsOf, dieAt, Disk, keptRun, sorted } from "../../fixtures/kept_run.ts";

/** Eight trainings of two seeds. */
const MANY = smallExperiment({ seeds: [5, 6], learningRates: [1e-2, 1e-3] });

/** The names of the trainings that have weights in memory. */
function heldOf(trainings: readonly Training[]): string[] {
  return trainings.filter(({ weights }) => weights.length > 0).map(({ key }) => runName(key));
}

/** What the checkpoints on a disk say, as a run that goes on reads them. */
async function load(disk: Disk, experiment: Experiment) {
  const store = new CheckpointStore("c", () => {}, disk.files);
  return await loadCheckpoints(store, { identity: identityOf(experiment), experiment, folder: disk });
}

Deno.test("weights of trainings that are over are let go of when they are kept, never the newest one's", async () => {
  const disk = new Disk();
  const { inMemory, trainings } = await keptRun({ experiment: MANY, disk });
  // The last turn was of no-gc with seed 6: it is the newest.
  assertEquals(heldOf(inMemory), ["no-gc-6"]);
  for (const { weights, slots, residual } of inMemory.slice(0, -4)) {
    assertEquals([weights.length, Object.keys(slots), residual], [0, [], undefined]);
  }
  // They are on the disk.
  assertEquals(trainings.filter(({ weights }) => weights.length === 0), []);
  for (const { weights, weightsSha256 } of trainings) assertEquals(await weightsHash(weights), weightsSha256);
  assertModels(disk, { trainings });
});

Deno.test("a training that has just diverged is the newest one: its weights are held", async () => {
  const { inMemory, trainings } = await keptRun({
    experiment: smallExperiment({ epochs: 1 }),
    diverges: ({ key, step }) => key.arm === "gc" && step === 2,
  });
  assertEquals(heldOf(inMemory), ["gc-5"]);
  assertEquals(inMemory[1]!.weights, trainings[1]!.weights);
});

Deno.test("at no time do more trainings have weights in memory than one seed has, and the one before", async () => {
  const experiment = smallExperiment({ seeds: [1, 2, 3, 4, 5], epochs: 3 });
  const trainings: Training[] = [];
  let most = 0;
  const onStep = () => void (most = Math.max(most, heldOf(trainings).length));
  await keptRun({ experiment, onStep, trainings });
  assert(most > 0 && most <= 3, `${most}`);
});

Deno.test("weights of a training whose model or checkpoint the disk has refused are held until there is room", async () => {
  for (const refuses of ["models", "checkpoints"]) {
    const disk = new Disk();
    let room = true;
    const full = () => {
      if (!room) throw new Error("No space left on device");
    };
    if (refuses === "models") disk.onWrite = full;
    else disk.files.onOperation = (operation) => operation === "write" && full();
    const held: string[][] = [];
    const trainings: Training[] = [];
    const onStep = ({ key, epoch, step }: StepProgress) => {
      if (key.seed === 5 && runName(key) === "gc-5" && epoch === 2 && step === 3) room = false;
      if (key.seed === 6 && epoch === 2 && step === 1) {
        held.push(heldOf(trainings).filter((name) => name.includes("-5")));
      }
      if (key.seed === 6 && epoch === 2 && step === 2) room = true;
    };
    const result = await keptRun({ experiment: smallExperiment({ seeds: [5, 6] }), disk, onStep, trainings });
    // What was refused is held; what was kept before is not.
    assertEquals(held[0], ["no-gc-5", "gc-5"], refuses);
    assertEquals(bitsOf(result), bitsOf(await keptRun({ experiment: smallExperiment({ seeds: [5, 6] }) })), refuses);
    assertModels(disk, result);
  }
});

Deno.test("a run that goes on reads no weights of trainings that are over and whose models are there", async () => {
  const disk = new Disk();
  // Broken off in seed 6.
  await assertRejects(() => keptRun({ experiment: MANY, disk, onCall: dieAt(9 * 8 + 4) }));
  const held = heldOf((await load(disk, MANY))!.trainings);
  assertEquals(held.filter((name) => name.includes("-5")), []);
  assert(held.length > 0);
  disk.hashes.delete("gc-5");
  disk.hashes.set("no-gc-5", "that of another epoch");
  assertEquals(heldOf((await load(disk, MANY))!.trainings).filter((name) => /-5(-|$)/.test(name)).toSorted(), [
    "gc-5",
    "no-gc-5",
  ]);
  // They are written again.
  const result = await keptRun({ experiment: MANY, disk });
  assertModels(disk, result);
});

Deno.test("a run that is found tainted in its first step keeps that, though the newest file is of a training without weights", async () => {
  // One training has diverged as the last of all; another has an epoch to go.
  const experiment = smallExperiment({ epochs: 2 });
  const diverges = ({ key, epoch, step }: Asked) => key.arm === "gc" && epoch === 2 && step === 2;
  const disk = new Disk();
  let divergences = 0;
  const onEvent = (event: RunEvent) => {
    if (event.type === "diverged") divergences++;
  };
  const stop = () => {
    if (divergences > 0) throw new Error("broken off");
  };
  await assertRejects(() => keptRun({ experiment, disk, diverges, onEvent, onCall: stop }), Error, "broken off");
  const since = { key: { arm: "gc", seed: 5 }, epoch: 1, step: 1, steps: 3 } as const;
  const taints: Taint[] = [];
  let calls = 0;
  const found = () => {
    if (++calls < 2) return;
    taints.push({ worker: "r1", host: "h", since });
    throw new HerdError("interrupted", "Ctrl-C");
  };
  await assertRejects(() => keptRun({ experiment, disk, diverges, taints, onCall: found }), HerdError, "Ctrl-C");
  const again = await load(disk, experiment);
  assertEquals(again?.history.taints.length, 1);
  const { notices } = await keptRun({ experiment, disk, diverges });
  assertEquals(notices, []);
});

Deno.test("the best model is written when the last epoch is the best one, and only then", async () => {
  const written: string[] = [];
  const disk = new Disk();
  const { writeModel } = disk;
  disk.writeModel = async (name, spec, weights, hash) => {
    if (name.endsWith("-best")) written.push(`${name} ${hash!.slice(0, 8)}`);
    await writeModel.call(disk, name, spec, weights, hash);
  };
  const hashes: string[] = [];
  const onEvent = (event: RunEvent) => {
    if (event.type === "epoch") hashes.push(event.weightsSha256);
  };
  const experiment = smallExperiment({ epochs: 6, arms: ["gc"] });
  const { trainings: [gc] } = await keptRun({ experiment });
  const best = Array.from({ length: 6 }, (_, i) => bestEpochOf(gc!.epochs.slice(0, i + 1), "testLoss"));
  await keptRun({ experiment, disk, onEvent });
  // Of six epochs some are better than all before, and some are not.
  const rising = best.flatMap((epoch, i) => epoch === i + 1 ? [epoch] : []);
  assert(rising.length > 0 && rising.length < 6, `${rising}`);
  assertEquals(written, rising.map((epoch) => `gc-5-best ${hashes[epoch - 1]!.slice(0, 8)}`));
  assertEquals(disk.hashes.get("gc-5-best"), hashes[best.at(-1)! - 1]);
});

Deno.test("seeds that are added later are computed alone, to the bits of a run that had them from the start", async () => {
  const disk = new Disk();
  const few = smallExperiment({ seeds: [5, 6], learningRates: [1e-2, 1e-3] });
  const many = smallExperiment({ seeds: [5, 6, 7], learningRates: [1e-2, 1e-3] });
  await keptRun({ experiment: few, disk });
  const before = new Map(disk.files.content);
  const done = new Set<number>();
  const result = await keptRun({ experiment: many, disk, onStep: ({ key }) => void done.add(key.seed) });
  assertEquals([...done], [7]);
  assertEquals(bitsOf(result), bitsOf(await keptRun({ experiment: many })));
  assertModels(disk, result);
  for (const [name, bytes] of before) assertEquals(disk.files.content.get(name), bytes, name);
});

Deno.test("a training that has diverged stays so when epochs are added, and the others go on", async () => {
  const disk = new Disk();
  const diverges = ({ key, epoch }: Asked) => key.arm === "gc" && epoch === 2;
  await keptRun({ disk, diverges });
  const longer = smallExperiment({ epochs: 3 });
  const result = await keptRun({ experiment: longer, disk, diverges });
  assertEquals(result.trainings.map(({ epochs }) => epochs.length), [3, 1]);
  assertEquals(sorted(bitsOf(result)), sorted(bitsOf(await keptRun({ experiment: longer, diverges }))));
  assertModels(disk, result);
});

Deno.test("a disk that refuses the weights of a training that diverges is told, and the others go on", async () => {
  const disk = new Disk();
  const diverges = ({ key, epoch }: Asked) => key.arm === "gc" && epoch === 1;
  const { writeModel } = disk;
  disk.writeModel = (name, ...rest) =>
    name.endsWith("-partial")
      ? Promise.reject(new HerdError("data", "Cannot write into the run's folder"))
      : writeModel.call(disk, name, ...rest);
  const { trainings, notices } = await keptRun({ disk, diverges });
  assertEquals(trainings.map(({ epochs }) => epochs.length), [2, 0]);
  assertEquals(notices.length, 1);
  assertStringIncludes(notices[0]!, "Cannot write into the run's folder");
});

Deno.test("the published protocol: the second arm once more, from the first's last weights, with a fresh optimizer", async () => {
  const experiment = smallExperiment({ protocol: "as-published" });
  const { trainings } = await keptRun({ experiment });
  const named = Object.fromEntries(trainings.map((training) => [runName(training.key), training]));
  assertEquals(Object.keys(named), ["no-gc-5", "gc-5", "gc-5-published"]);
  // As a run of its own that begins with these weights.
  const end = named["no-gc-5"]!.weights;
  const alone: Training[] = [];
  const begun = smallExperiment({ arms: ["gc"], initialWeights: () => end.slice() });
  await runExperiment(new ArithmeticComputer(), begun, alone, noListeners);
  assertEquals(named["gc-5-published"]!.weightsSha256, alone[0]!.weightsSha256);
  assert(named["gc-5-published"]!.weightsSha256 !== named["gc-5"]!.weightsSha256);
  // The fair pair is not touched by it.
  const fair = await keptRun({});
  assertEquals(fair.trainings.map(({ weightsSha256 }) => weightsSha256), [
    named["no-gc-5"]!.weightsSha256,
    named["gc-5"]!.weightsSha256,
  ]);
});

Deno.test("checkpoints of an experiment are those of its keys, two of each", async () => {
  const disk = new Disk();
  const experiment = smallExperiment({ learningRates: [1e-2, 1e-3], control: true });
  await keptRun({ experiment, disk });
  for (const key of allKeys(experiment)) assertEquals(checkpointsOf(disk.files, runName(key)).length, 2);
  assertEquals(disk.files.content.has(join("c", "gc-5-0.001.000004.safetensors")), true, disk.files.names.join());
});
