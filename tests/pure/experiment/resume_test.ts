// An experiment is broken off, or its process killed, at every instant there is, and goes on from what it has left.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { type RunEvent, runName, type Taint } from "../../../coordinator/events/mod.ts";
import {
  type Experiment,
  positionOf,
  runExperiment,
  type StepProgress,
  type Training,
} from "../../../coordinator/experiment/mod.ts";
import { CheckpointStore } from "../../../coordinator/storage/checkpoint_store.ts";
import { loadCheckpoints } from "../../../coordinator/storage/resume.ts";
import { HerdError } from "../../../shared/errors.ts";
import { type Compression, COMPRESSIONS } from "../../../shared/half.ts";
import {
  ArithmeticComputer,
  type Asked,
  identityOf,
  noListeners,
  smallConfig,
  smallExperiment,
} from "../../fixtures/experiment.ts";
import {
  assertModels,
  bitsOf,
  checkpointsOf,
  damageNewest,
  dieAt,
  Disk,
  keptRun,
  type KeptRunOptions,
  sorted,
} from "../../fixtures/kept_run.ts";
import { MemoryFiles } from "../../fixtures/memory_files.ts";

/** Two arms with each of two seeds: 24 steps. */
const SEVERAL = smallExperiment({ seeds: [5, 6] });
const WHOLE = bitsOf(await keptRun({}));
const WHOLE_OF_SEVERAL = bitsOf(await keptRun({ experiment: SEVERAL }));

/** The small experiment with compressed weights, whose residuals have to go on too. */
function compressing(compress: Compression): Experiment {
  return smallExperiment({ config: smallConfig({ compress }) });
}

/** Six trainings with rates and controls, of which one diverges in the middle of its second epoch. */
const VARIED = smallExperiment({ learningRates: [1e-2, 1e-3], control: true });
const inVaried = ({ key, epoch, step }: Asked) => runName(key) === "gc-5-0.001" && epoch === 2 && step >= 2;
/** What goes on from the first arm's end. */
const PUBLISHED = smallExperiment({ protocol: "as-published" });

for (
  const [what, options, steps] of [
    ...COMPRESSIONS.map((compress) =>
      [`a run (--compress ${compress})`, { experiment: compressing(compress) }, 12] as const
    ),
    ["a run of two seeds", { experiment: SEVERAL }, 24],
    ["a run of two rates with controls, one of which diverges", { experiment: VARIED, diverges: inVaried }, 36 - 2],
    ["a run of the published protocol", { experiment: PUBLISHED }, 18],
  ] satisfies (readonly [string, KeptRunOptions, number])[]
) {
  Deno.test(`broken off at every call of the computer, ${what} goes on to the same bits, without a step done twice`, async () => {
    let calls = 0;
    const whole = await keptRun({ ...options, onCall: () => calls++ });
    for (let k = 0; k < calls; k++) {
      const disk = new Disk();
      const done: string[] = [];
      const onStep = ({ key, epoch, step }: StepProgress) => void done.push(`${runName(key)} ${epoch} ${step}`);
      const events: string[] = [];
      const onEvent = (event: RunEvent) => {
        if (event.type === "epoch") events.push(`${runName(event.key)} ${event.record.epoch}`);
        if (event.type === "diverged") events.push(`${runName(event.position.key)} diverged`);
      };
      await assertRejects(() => keptRun({ ...options, disk, onCall: dieAt(k), onStep, onEvent }), Error, "broken off");
      const result = await keptRun({ ...options, disk, onStep, onEvent });
      assertEquals(bitsOf(result), bitsOf(whole), `call ${k}`);
      assertEquals([new Set(done).size, new Set(events).size], [done.length, events.length]);
      // Only the step whose weights could not be sent is applied and not told.
      assert(done.length === steps || done.length === steps - 1, `call ${k}: ${done.length} steps`);
      assertModels(disk, result);
    }
  });
}

Deno.test("compressed weights make another run, of which the residual is a part", async () => {
  const runs = await Promise.all(COMPRESSIONS.map((compress) => keptRun({ experiment: compressing(compress) })));
  assertEquals(new Set(runs.map(({ trainings }) => trainings[0]!.weightsSha256)).size, COMPRESSIONS.length);
  const disk = new Disk();
  const experiment = compressing("fp16");
  await assertRejects(() => keptRun({ experiment, disk, onCall: dieAt(5) }));
  const { files } = disk;
  await assertRejects(() => keptRun({ experiment: compressing("bf16"), disk }), HerdError, 'compress is "fp16" there');
  assertEquals(bitsOf(await keptRun({ experiment, disk: Object.assign(new Disk(), { files }) })), bitsOf(runs[1]!));
});

Deno.test("broken off at every call again and again, a run still ends with the same bits", async () => {
  const disk = new Disk();
  for (let attempt = 0;; attempt++) {
    try {
      assertEquals(bitsOf(await keptRun({ experiment: SEVERAL, disk, onCall: dieAt(3) })), WHOLE_OF_SEVERAL);
      assert(attempt > 10);
      return;
    } catch (error) {
      if ((error as Error).message !== "broken off") throw error;
    }
  }
});

/** Runs to an operation of the disk, where the process is killed. @returns the steps that were done */
async function killAt(k: number, { disk, ...options }: KeptRunOptions & { readonly disk: Disk }): Promise<number> {
  // A killed process does nothing more: neither its disk nor its computer gives an answer.
  let operations = 0;
  let dead = false;
  let steps = 0;
  const onCall = () => {
    if (dead) throw new Error("killed");
  };
  disk.onWrite = disk.files.onOperation = () => {
    dead ||= operations++ >= k;
    onCall();
  };
  await keptRun({ disk, ...options, onCall, onStep: () => void (steps += dead ? 0 : 1) }).catch(() => {});
  disk.onWrite = disk.files.onOperation = () => {};
  return steps;
}

/** How often a run uses its disk. */
async function operationsOf(options: KeptRunOptions): Promise<number> {
  const disk = new Disk();
  let operations = 0;
  disk.onWrite = disk.files.onOperation = () => operations++;
  await keptRun({ disk, ...options });
  return operations;
}

for (
  const [what, options, steps] of [
    ...[null, 1, 2].map((checkpointSteps) =>
      [
        `a run with a checkpoint every ${checkpointSteps} steps`,
        { experiment: SEVERAL, checkpointSteps },
        24,
      ] as const
    ),
    ["a run of two rates with controls, one of which diverges,", { experiment: VARIED, diverges: inVaried }, 36 - 2],
    ["a run of the published protocol", { experiment: PUBLISHED }, 18],
  ] satisfies (readonly [string, KeptRunOptions, number])[]
) {
  Deno.test(`killed at every operation of the disk, ${what} goes on to the same bits and repeats no more than was unsaved`, async () => {
    const whole = bitsOf(await keptRun(options));
    const { checkpointSteps = null } = options as KeptRunOptions;
    const operations = await operationsOf(options);
    for (let k = 0; k < operations; k++) {
      const disk = new Disk();
      const before = await killAt(k, { ...options, disk });
      let after = 0;
      const result = await keptRun({ ...options, disk, onStep: () => after++ });
      assertEquals(bitsOf(result), whole, `operation ${k}`);
      const repeated = before + after - steps;
      const most = checkpointSteps === null ? 4 : checkpointSteps + 1; // one step more while a write was under way
      assert(repeated <= most, `operation ${k}: ${repeated} steps repeated, at most ${most}`);
      assertModels(disk, result, { partial: false });
    }
  });
}

Deno.test("killed at every operation, and the newest checkpoint of a training damaged too: it alone falls back, to the same bits", async () => {
  const options = { experiment: SEVERAL, checkpointSteps: 1 };
  const operations = await operationsOf(options);
  let fallen = 0;
  for (let k = 0; k < operations; k += 3) {
    for (const training of ["no-gc-5", "gc-5", "gc-6"]) {
      const disk = new Disk();
      const before = await killAt(k, { ...options, disk });
      if (checkpointsOf(disk.files, training).length < 2) continue;
      const damaged = damageNewest(disk.files, training);
      let after = 0;
      const result = await keptRun({ ...options, disk, onStep: () => after++ });
      // Its lines may come after those of others that are further.
      assertEquals(sorted(bitsOf(result)), sorted(WHOLE_OF_SEVERAL), `operation ${k}, ${training}`);
      assertEquals(result.notices.filter((line) => line.includes(`Checkpoint ${damaged} cannot be used`)).length, 1);
      assert(before + after - 24 <= 3, `operation ${k}, ${training}: ${before + after - 24} steps repeated`);
      fallen++;
    }
  }
  assert(fallen > 50, `${fallen}`);
});

Deno.test("a checkpoint of 3 arms with 10 seeds costs what one of a single training does; finished ones are never written again", async () => {
  const written = async (changes: Partial<Experiment>, disk = new Disk()) => {
    disk.files.written.length = 0;
    await keptRun({ experiment: smallExperiment({ epochs: 3, ...changes }), disk, checkpointSteps: 1 });
    return disk.files.written;
  };
  const seeds = Array.from({ length: 10 }, (_, i) => i);
  const many = { arms: ["no-gc", "gc", "gc-update"], seeds } as const;
  const disk = new Disk();
  const one = await written({ arms: ["gc"], seeds: [0] });
  const all = await written(many, disk);
  assertEquals(one.length, 3 * 4); // after each step, and after the epoch
  assertEquals(all.length, 30 * one.length);
  const largest = (list: typeof all) => Math.max(...list.map(([, bytes]) => bytes));
  assert(largest(all) < largest(one) + 200, `${largest(all)} and ${largest(one)} bytes`);
  // Each of the two last files of a training is the only one that was ever written under its name.
  assertEquals(new Set(all.map(([name]) => name)).size, all.length);
  assertEquals(disk.files.names.length, 60);
  assertEquals(await written(many, disk), []);
  const longer = await written({ ...many, epochs: 4 }, disk);
  assertEquals(longer.length, 30 * 4);
});

Deno.test("seconds and traffic of a broken-off epoch add up", async () => {
  const uninterrupted = await keptRun({});
  const disk = new Disk();
  await assertRejects(() => keptRun({ disk, onCall: dieAt(5) }));
  const { trainings } = await keptRun({ disk });
  const [whole, mended] = [uninterrupted, { trainings }].map((one) => {
    return one.trainings.find(({ key }) => key.arm === "no-gc")!.epochs[0]!;
  });
  // But for the weights after the last finished step, which are sent again.
  assertEquals([mended!.bytesUp + 10, mended!.bytesDown + 20], [whole!.bytesUp, whole!.bytesDown]);
  // The second process began with the epoch's only small step: what that takes is not known.
  assertEquals([whole!.seconds === null, mended!.seconds], [false, null]);
});

Deno.test("a finished run goes on with more epochs to the bits of a run that had as many from the start", async () => {
  const longer = smallExperiment({ epochs: 4, seeds: [5, 6] });
  const whole = bitsOf(await keptRun({ experiment: longer }));
  const disk = new Disk();
  await keptRun({ disk, experiment: SEVERAL });
  const mended = bitsOf(await keptRun({ disk, experiment: longer }));
  assertEquals(sorted(mended), sorted(whole));
  // In order again, once it is read.
  assertEquals(bitsOf(await keptRun({ disk, experiment: longer })), whole);
});

Deno.test("a disk that is full for a while does not end the run; what it missed is written later, of every training", async () => {
  const disk = new Disk();
  let room = false;
  const full = () => {
    if (!room) throw new Error("No space left on device");
  };
  const onStep = ({ epoch, key, step, steps }: StepProgress) => {
    disk.onWrite = full;
    disk.files.onOperation = (operation) => operation === "write" && full();
    if (key.arm === "no-gc" && epoch === 2 && step === steps) room = true;
  };
  const result = await keptRun({ disk, onStep, checkpointSteps: 1 });
  assertEquals(bitsOf(result), WHOLE);
  assertEquals(disk.models.filter((name) => !name.endsWith("-best")), ["gc-5", "no-gc-5"]);
  // Metrics, models and checkpoints say so once each.
  const [refused, checkpoint] = [/is written when there is room/, /Cannot write a checkpoint/].map((what) =>
    result.notices.filter((line) => what.test(line))
  );
  assertEquals([refused!.length, checkpoint!.length], [2, 1]);
  let again = 0;
  assertEquals(bitsOf(await keptRun({ disk, onStep: () => again++ })), WHOLE);
  assertEquals(again, 0); // gc, which was finished while the disk was full, is on it too
});

Deno.test("a recorder tells of checkpoints that are safe and of epochs whose files are written", async () => {
  const disk = new Disk();
  const events: string[] = [];
  const onEvent = (event: RunEvent) => {
    if (event.type === "checkpoint") {
      const { key, epoch, step } = event.position;
      const name = runName(key);
      assert(checkpointsOf(disk.files, name).length > 0);
      events.push(`${name} ${epoch}/${step}`);
    }
    if (event.type === "epoch") {
      assert(disk.models.includes(runName(event.key)));
      assertEquals(event.weightsSha256.length, 64);
      events.push(`${runName(event.key)} ${event.record.epoch}`);
    }
  };
  await keptRun({ disk, onEvent });
  assertEquals(events.filter((text) => !text.includes("/")), ["no-gc-5 1", "gc-5 1", "gc-5 2", "no-gc-5 2"]);
  const safe = events.filter((text) => text.includes("/"));
  assertEquals(safe, ["no-gc-5 1/3", "gc-5 1/3", "gc-5 2/3", "no-gc-5 2/3"]);
});

Deno.test("a run that is broken off knows where it stands and what is safe", async () => {
  const experiment = smallExperiment();
  const trainings: Training[] = [];
  // Calls: weights, then gradients and weights for each step; the test; then gc's.
  const computer = new ArithmeticComputer(dieAt(8 + 5));
  await assertRejects(() => runExperiment(computer, experiment, trainings, noListeners));
  const { key: { arm }, epoch, step } = positionOf(experiment, trainings);
  assertEquals([arm, epoch, step], ["gc", 1, 2]);
});

Deno.test("a run that is tainted says so on the disk before its next step, and when it is broken off in the step", async () => {
  const experiment = smallExperiment();
  const since = { key: { arm: "gc", seed: 5 }, epoch: 1, step: 1, steps: 3 } as const;
  const taint = { worker: "r1", host: "h", since };
  const knownOn = async (disk: Disk) => {
    const store = new CheckpointStore("c", () => {}, disk.files);
    const asked = { identity: identityOf(experiment), experiment, folder: disk };
    return (await loadCheckpoints(store, asked))?.history.taints;
  };
  const killed = new Disk();
  const taints: Taint[] = [];
  let steps = 0;
  await assertRejects(() =>
    keptRun({
      disk: killed,
      taints,
      onStep() {
        if (++steps === 5) taints.push(taint); // in the second turn: no checkpoint is due
        if (steps === 6) {
          killed.files = new MemoryFiles(killed.files.content); // what the process does from now on is lost
          throw new Error("killed");
        }
      },
    })
  );
  assertEquals(await knownOn(killed), [taint]);

  // Found while a step is under way that is not finished any more: the last one is on the disk already.
  const broken = new Disk();
  const found: Taint[] = [];
  let calls = 0;
  const onCall = () => {
    if (++calls < 9) return;
    found.push(taint);
    throw new HerdError("interrupted", "Ctrl-C");
  };
  await assertRejects(() => keptRun({ disk: broken, taints: found, checkpointSteps: 1, onCall }));
  assertEquals(await knownOn(broken), [taint]);
});
