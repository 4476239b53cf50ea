// An experiment is broken off, or its process killed, at every instant there is, and goes on from what it has left.
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { decodeCheckpoint } from "../../../coordinator/storage/checkpoint.ts";
import { CheckpointStore } from "../../../coordinator/storage/checkpoint_store.ts";
import { NO_FAULTS } from "../../../coordinator/events/mod.ts";
import { describePosition, positionOf } from "../../../coordinator/experiment/position.ts";
import { Recorder } from "../../../coordinator/storage/recorder.ts";
import {
  type ArmState,
  type Experiment,
  runExperiment,
  type StepProgress,
} from "../../../coordinator/experiment/experiment.ts";
import { HerdError } from "../../../shared/errors.ts";
import { type Compression, COMPRESSIONS } from "../../../shared/half.ts";
import { number, parseFlags, text, toggle } from "../../../shared/cli/flags.ts";
import { takeUp } from "../../../shared/cli/stored_flags.ts";
import { ArithmeticComputer, smallExperiment } from "../../fixtures/experiment.ts";
import { MemoryFiles } from "../../fixtures/memory_files.ts";

/** What a run leaves: checkpoints, and the lines of metrics.jsonl. */
class Disk {
  files = new MemoryFiles();
  metrics: object[] = [];
  models: string[] = [];
  /** Called before metrics and models are written; what it throws, the write throws. */
  onWrite: () => void = () => {};

  writeMetrics(lines: readonly unknown[]): Promise<void> {
    return this.#write(() => this.metrics = lines.map((line) => ({ ...line as object })));
  }
  appendMetrics(line: unknown): Promise<void> {
    return this.#write(() => this.metrics.push({ ...line as object }));
  }
  writeModel(name: string): Promise<void> {
    return this.#write(() => this.models.push(name));
  }
  removeModel(name: string): Promise<void> {
    return this.#write(() => this.models = this.models.filter((other) => other !== name));
  }
  async #write(action: () => unknown): Promise<void> {
    await Promise.resolve();
    this.onWrite();
    action();
  }
}

interface RunOptions {
  readonly experiment?: Experiment;
  readonly disk?: Disk;
  readonly checkpointSteps?: number | null;
  readonly onCall?: () => void;
  readonly onStep?: (progress: StepProgress) => void;
}

/** Runs or goes on, as coordinator/run.ts does. */
async function run(
  { experiment = smallExperiment(), disk = new Disk(), checkpointSteps = null, onCall, onStep = () => {} }: RunOptions,
) {
  const identity = { runId: "ab", numeric: experiment.config, arms: experiment.arms };
  const notices: string[] = [];
  const notice = (line: string) => void notices.push(line);
  const store = new CheckpointStore("c", notice, disk.files);
  const checkpoint = await store.load(
    (bytes) => decodeCheckpoint(bytes, identity),
    ({ states }) => describePosition(positionOf(experiment, states)),
  );
  const states = [...checkpoint?.states ?? []];
  const history = { herd: "1", fingerprints: [], bitIdentical: true, faults: NO_FAULTS };
  const recorder = new Recorder({
    folder: disk,
    store,
    reporter: { notice, step: onStep, epoch() {} },
    experiment,
    states,
    checkpointSteps,
    surroundings: () => ({ identity, history }),
  });
  await recorder.rewind();
  await runExperiment(new ArithmeticComputer(onCall), experiment, states, recorder);
  await recorder.finish();
  return { states, metrics: disk.metrics, notices };
}

/** All that must be the same bits: everything but times. */
function bitsOf({ states, metrics }: { states: readonly ArmState[]; metrics: readonly object[] }) {
  const timeless = (record: object) =>
    Object.fromEntries(Object.entries(record).filter(([name]) => !/second|bytes/i.test(name)));
  return {
    states: states.map(({ current: _current, epochs, ...rest }) => ({ ...rest, epochs: epochs.map(timeless) })),
    metrics: metrics.map(timeless),
  };
}

const WHOLE = bitsOf(await run({}));

/** The small experiment with compressed weights, whose residuals have to go on too. */
function compressing(compress: Compression): Experiment {
  const { config, ...rest } = smallExperiment();
  return { ...rest, config: { ...config, compress } };
}

/** Throws at the n-th call and at every later one. */
function dieAt(n: number): () => void {
  let calls = 0;
  return () => {
    if (calls++ >= n) throw new Error("broken off");
  };
}

for (const compress of COMPRESSIONS) {
  Deno.test(`broken off at every call of the computer, a run (--compress ${compress}) goes on to the same bits, without a step done twice`, async () => {
    const experiment = compressing(compress);
    let calls = 0;
    const whole = bitsOf(await run({ experiment, onCall: () => calls++ }));
    for (let k = 0; k < calls; k++) {
      const disk = new Disk();
      const steps: string[] = [];
      const onStep = ({ arm, epoch, step }: StepProgress) => void steps.push(`${arm} ${epoch} ${step}`);
      await assertRejects(() => run({ experiment, disk, onCall: dieAt(k), onStep }), Error, "broken off");
      assertEquals(bitsOf(await run({ experiment, disk, onStep })), whole, `call ${k}`);
      assertEquals(new Set(steps).size, steps.length);
      // Only the step whose weights could not be sent is applied and not told.
      assert(steps.length === 12 || steps.length === 11, `call ${k}: ${steps.length} steps`);
      assertEquals(disk.models.some((name) => name.endsWith("partial")), false);
    }
  });
}

Deno.test("compressed weights make another run, of which the residual is a part", async () => {
  const runs = await Promise.all(COMPRESSIONS.map((compress) => run({ experiment: compressing(compress) })));
  assertEquals(new Set(runs.map(({ states }) => states[0]!.weightsSha256)).size, COMPRESSIONS.length);
  const disk = new Disk();
  const experiment = compressing("fp16");
  await assertRejects(() => run({ experiment, disk, onCall: dieAt(5) }));
  const { files } = disk;
  await assertRejects(() => run({ experiment: compressing("bf16"), disk }), HerdError, 'compress is "fp16" there');
  assertEquals(bitsOf(await run({ experiment, disk: Object.assign(new Disk(), { files }) })), bitsOf(runs[1]!));
});

Deno.test("broken off at every call again and again, a run still ends with the same bits", async () => {
  const disk = new Disk();
  for (let attempt = 0;; attempt++) {
    try {
      assertEquals(bitsOf(await run({ disk, onCall: dieAt(3) })), WHOLE);
      assert(attempt > 5);
      return;
    } catch (error) {
      if ((error as Error).message !== "broken off") throw error;
    }
  }
});

Deno.test("killed at every operation of the disk, a run goes on to the same bits and repeats no more than was unsaved", async () => {
  for (const checkpointSteps of [null, 1, 2]) {
    let operations = 0;
    const counting = new Disk();
    counting.onWrite = counting.files.onOperation = () => operations++;
    await run({ disk: counting, checkpointSteps });
    for (let k = 0; k < operations; k++) {
      const disk = new Disk();
      // A killed process does nothing more: neither its disk nor its computer gives an answer.
      const die = dieAt(k);
      let dead = false;
      let before = 0;
      const onCall = () => {
        if (dead) throw new Error("killed");
      };
      disk.onWrite = disk.files.onOperation = () => {
        if (dead) throw new Error("killed");
        try {
          die();
        } catch {
          dead = true;
          throw new Error("killed");
        }
      };
      const onStep = () => void (before += dead ? 0 : 1);
      await run({ disk, checkpointSteps, onCall, onStep }).catch(() => {});
      disk.onWrite = disk.files.onOperation = () => {};
      let after = 0;
      assertEquals(bitsOf(await run({ disk, checkpointSteps, onStep: () => after++ })), WHOLE, `operation ${k}`);
      const repeated = before + after - 12;
      const most = checkpointSteps === null ? 4 : checkpointSteps + 1; // one step more while a write was under way
      assert(repeated <= most, `operation ${k}: ${repeated} steps repeated, at most ${most}`);
    }
  }
});

Deno.test("seconds and traffic of a broken-off epoch add up", async () => {
  const uninterrupted = await run({});
  const disk = new Disk();
  await assertRejects(() => run({ disk, onCall: dieAt(5) }));
  const { states } = await run({ disk });
  const [whole, mended] = [uninterrupted, { states }].map(({ states: [state] }) => state!.epochs[0]!);
  // But for the weights after the last finished step, which are sent again.
  assertEquals([mended!.bytesUp + 10, mended!.bytesDown + 20], [whole!.bytesUp, whole!.bytesDown]);
  assert(mended!.seconds > 0);
});

Deno.test("a finished run goes on with more epochs to the bits of a run that had as many from the start", async () => {
  const longer = smallExperiment({ epochs: 4 });
  const whole = bitsOf(await run({ experiment: longer }));
  const disk = new Disk();
  await run({ disk });
  const mended = bitsOf(await run({ disk, experiment: longer }));
  assertEquals(mended.states, whole.states);
  const sorted = (lines: readonly object[]) => lines.map((line) => JSON.stringify(line)).sort();
  assertEquals(sorted(mended.metrics), sorted(whole.metrics));
});

Deno.test("a disk that is full for a while does not end the run; what it missed is written later", async () => {
  const disk = new Disk();
  let epochs = 0;
  const full = () => {
    if (epochs < 2) throw new Error("No space left on device");
  };
  const onStep = ({ epoch, arm, step, steps }: StepProgress) => {
    disk.onWrite = full;
    disk.files.onOperation = (operation) => operation === "write" && full();
    if (arm === "gc" && epoch === 2 && step === steps) epochs = 2;
  };
  const result = await run({ disk, onStep, checkpointSteps: 1 });
  assertEquals(bitsOf(result), WHOLE);
  assertEquals(disk.models.sort(), ["gc-5", "no-gc-5"]);
  const [metrics, checkpoint] = [/is written when there is room/, /Cannot write a checkpoint/].map((what) =>
    result.notices.filter((line) => what.test(line))
  );
  assertEquals([metrics!.length, checkpoint!.length], [1, 1]);
  assertEquals(bitsOf(await run({ disk })), WHOLE);
});

Deno.test("positionOf() is where the experiment goes on", async () => {
  const experiment = smallExperiment();
  const states: ArmState[] = [];
  assertEquals(describePosition(positionOf(experiment, states)), "arm no-gc, epoch 1, step 0 of 3");
  const listeners = { onStep() {}, onEpoch: () => Promise.resolve(), onBreak: () => Promise.resolve() };
  // Calls: weights, then gradients and weights for each step; the test.
  const computer = new ArithmeticComputer(dieAt(12));
  await assertRejects(() => runExperiment(computer, experiment, states, listeners));
  assertEquals(describePosition(positionOf(experiment, states)), "arm no-gc, epoch 2, step 2 of 3");
  await runExperiment(new ArithmeticComputer(), experiment, states, listeners);
  assertEquals(describePosition(positionOf(experiment, states)), "arm gc, epoch 2, step 3 of 3");
  assertEquals(positionOf({ ...experiment, epochs: 5 }, states).arm, "no-gc");
});

const flags = {
  "batch-size": number({ help: "", min: 1 }, 128),
  limit: number({ help: "", min: 1 }, undefined),
  workers: number({ help: "", min: 0 }, 2),
  data: text("SET", "", "auto"),
  twice: toggle(""),
  thrice: toggle(""),
  quiet: toggle(""),
};
const told = { batchSize: 16, limit: null, workers: 4, twice: true, thrice: false };
const rules = { told, free: ["workers"], own: ["quiet"], source: "runs/a" };

Deno.test("takeUp() takes the stored values, the given ones where they may change, and equal ones", () => {
  const of = (...args: string[]) => takeUp(flags, parseFlags(flags, args), rules);
  const toggles = { twice: true, thrice: false, quiet: false };
  const stored = { "batch-size": 16, limit: undefined, workers: 4, data: "auto", ...toggles };
  assertEquals(of(), stored);
  assertEquals(of("--workers", "1", "--quiet"), { ...stored, workers: 1, quiet: true });
  assertEquals(of("--batch-size", "16", "--twice"), stored);
});

Deno.test("takeUp() refuses another value with the flag's name and the value there was, and damaged stored values", () => {
  const refuse = (args: string[], told: Record<string, unknown> = rules.told) =>
    assertThrows(() => takeUp(flags, parseFlags(flags, args), { ...rules, told }), HerdError);
  const changed = refuse(["--batch-size", "128"]);
  assertEquals(changed.code, "usage");
  assertEquals(changed.message, "--batch-size 128 cannot change what runs/a began with: there it is 16");
  assertEquals(refuse(["--thrice"]).message.endsWith("there it is false"), true);
  assertEquals(refuse(["--limit", "3"]).message.endsWith("there it was not given"), true);
  const damaged = refuse([], { batchSize: -1 });
  assertEquals(damaged.code, "data");
  assertEquals(
    damaged.message,
    'The flags stored in runs/a are damaged: --batch-size must be a whole number of at least 1: got "-1"',
  );
});
