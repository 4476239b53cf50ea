import { assertEquals } from "@std/assert";
import { join } from "node:path";
import {
  ARM_NAMES,
  NO_CHECKS,
  NO_FAULTS,
  NOTHING_YET,
  type RunHistory,
  runName,
} from "../../../coordinator/events/mod.ts";
import { beginTraining } from "../../../coordinator/experiment/mod.ts";
import { encodeCheckpoint } from "../../../coordinator/storage/checkpoint.ts";
import { CheckpointStore } from "../../../coordinator/storage/checkpoint_store.ts";
import { keepWhatWasBefore, loadCheckpoints } from "../../../coordinator/storage/resume.ts";
import { identityOf, smallExperiment } from "../../fixtures/experiment.ts";
import { workerInfo } from "../../fixtures/events.ts";
import { MemoryFiles } from "../../fixtures/memory_files.ts";

/** Of ten steps an epoch. */
const train = { ids: Uint32Array.from({ length: 80 }, (_, i) => i), labels: new Uint8Array(80) };
const experiment = smallExperiment({ arms: ARM_NAMES, seeds: [5, 6], train });
const { config: numeric } = experiment;
const identity = identityOf(experiment);
/** No model is there: every training keeps its weights. */
const folder = { modelHash: () => Promise.resolve(undefined) };
const asked = { identity, experiment, folder };

const BATCH = numeric.compute.batchSize;

/** A history that says how many pauses there were. */
function historyOf(pauses: number, more: Partial<RunHistory> = {}): RunHistory {
  const counts = { faults: { ...NO_FAULTS, pauses }, checks: NO_CHECKS, taints: [] };
  return { herd: "1", workers: [], fingerprints: ["f"], bitIdentical: true, ...counts, ...more };
}

/** Checkpoints of three trainings, the n-th written of all with a history of n pauses. */
async function files(): Promise<MemoryFiles> {
  const files = new MemoryFiles();
  const store = new CheckpointStore("c", () => {}, files);
  const keys = [{ arm: "gc", seed: 5 }, { arm: "no-gc", seed: 6 }, { arm: "gc", seed: 5 }, {
    arm: "gc-update",
    seed: 5,
  }];
  for (const [i, { arm, seed }] of keys.entries()) {
    const key = { arm: ARM_NAMES.find((name) => name === arm)!, seed };
    const begun = beginTraining(key, numeric, experiment.initialWeights(seed));
    const steps = 1 + i % 2;
    const metrics = { loss: 1, correct: 1, samples: Math.min(steps * BATCH, experiment.train.ids.length) };
    const training = { ...begun, current: { ...begun.current, steps, metrics } };
    const encode = () => encodeCheckpoint({ identity, history: historyOf(i + 1), training });
    await store.write({ key, description: `${i}`, encode, onSafe() {} });
  }
  await store.idle();
  return files;
}

async function load(disk: MemoryFiles) {
  const store = new CheckpointStore("c", () => {}, disk);
  const resumed = await loadCheckpoints(store, asked);
  const stands = resumed?.trainings.map(({ key, current }) => `${runName(key)} ${current.steps}`);
  return { stands, pauses: resumed?.history.faults.pauses, newest: store.newest };
}

Deno.test("loadCheckpoints(): each training as far as it is, and what the newest file of all says of the run", async () => {
  assertEquals(await load(new MemoryFiles()), { stands: undefined, pauses: undefined, newest: undefined });
  assertEquals(await load(await files()), {
    stands: ["no-gc-6 2", "gc-5 1", "gc-update-5 2"],
    pauses: 4,
    newest: "arm gc-update, seed 5, epoch 1, step 2 of 10",
  });
});

Deno.test("loadCheckpoints(): where the newest file is gone, the history is that of the newest one left", async () => {
  const disk = await files();
  disk.content.delete(join("c", "gc-update-5.000004.safetensors"));
  assertEquals((await load(disk)).pauses, 3);
  disk.content.get(join("c", "gc-5.000003.safetensors"))![100]! ^= 1;
  assertEquals(await load(disk), {
    stands: ["gc-5 1", "no-gc-6 2"],
    pauses: 2,
    newest: "arm no-gc, seed 6, epoch 1, step 2 of 10",
  });
});

/** A run of two trainings that writes a checkpoint after every step; at the fourth a worker comes, at the eighth it is found out. */
async function taintedRun(coming: number, isFound = true): Promise<MemoryFiles> {
  const files = new MemoryFiles();
  const store = new CheckpointStore("c", () => {}, files);
  const hear = keepWhatWasBefore(store);
  const since = { key: { arm: "gc", seed: 5 }, epoch: 1, step: coming, steps: 3 } as const;
  const workers = [workerInfo("w1")];
  for (let step = 1; step <= 8; step++) {
    if (step === coming) {
      const worker = workerInfo("r1", { host: "node7" });
      workers.push(worker);
      const event = { type: "worker", what: "ready", worker, time: 0 } as const;
      for (let again = 0; again < 2; again++) await hear(event, NOTHING_YET);
    }
    const taints = step === 8 && isFound ? [{ worker: "r1", host: "node7", since }] : [];
    const history = historyOf(step, { workers: [...workers], taints });
    const key = { arm: step % 2 === 1 ? "gc" : "no-gc", seed: 5 } as const;
    const begun = beginTraining(key, numeric, experiment.initialWeights(5));
    const metrics = { loss: 1, correct: 1, samples: step * BATCH };
    const training = { ...begun, current: { ...begun.current, steps: step, metrics } };
    const encode = () => encodeCheckpoint({ identity, history, training });
    await store.write({ key, description: `${step}`, encode, onSafe() {} });
    await store.idle();
  }
  return files;
}

Deno.test("loadCheckpoints(): a run goes back to before a worker came whose answers were wrong", async () => {
  const disk = await taintedRun(4);
  const store = new CheckpointStore("c", () => {}, disk);
  const resumed = await loadCheckpoints(store, asked);
  // Each training as it stood when the worker came: at the end of steps 2 and 3.
  assertEquals(resumed?.trainings.map(({ current }) => current.steps), [2, 3]);
  assertEquals(resumed?.rid.map(({ worker }) => worker), ["r1"]);
  assertEquals(resumed?.history.taints, []);
  assertEquals([...disk.content.keys()].length, 2, "what is wrong is gone");
  // From there on nothing tells of it any more, whatever is written next.
  const again = await loadCheckpoints(new CheckpointStore("c", () => {}, disk), asked);
  assertEquals([again?.trainings.length, again?.rid], [2, []]);
});

Deno.test("loadCheckpoints(): broken off while it goes back, it goes back the next time", async () => {
  const whole = await taintedRun(4);
  for (let removals = 0; removals < 4; removals++) {
    const disk = new MemoryFiles();
    for (const [name, bytes] of whole.content) disk.content.set(name, bytes.slice());
    let left = removals;
    const files = {
      list: (folder: string) => disk.list(folder),
      read: (path: string) => disk.read(path),
      write: (path: string, bytes: Uint8Array) => disk.write(path, bytes),
      remove: (path: string) => left-- > 0 ? disk.remove(path) : Promise.reject(new Error("killed")),
    };
    await loadCheckpoints(new CheckpointStore("c", () => {}, files), asked).catch(() => {});
    const resumed = await loadCheckpoints(new CheckpointStore("c", () => {}, disk), asked);
    assertEquals(resumed?.trainings.map(({ current }) => current.steps), [2, 3]);
  }
});

Deno.test("loadCheckpoints(): where the worker was there from the beginning, there is nothing to go back to", async () => {
  const disk = await taintedRun(1);
  const resumed = await loadCheckpoints(new CheckpointStore("c", () => {}, disk), asked);
  assertEquals(resumed?.trainings.map(({ current }) => current.steps), [7, 8]);
  assertEquals([resumed?.rid, resumed?.history.taints.length], [[], 1]);
});

Deno.test("loadCheckpoints(): what was kept from before a worker came stays when the run goes on in another process", async () => {
  const disk = await taintedRun(4, false);
  const store = new CheckpointStore("c", () => {}, disk);
  const resumed = await loadCheckpoints(store, asked);
  assertEquals(resumed?.rid, []);
  const workers = [workerInfo("w1"), workerInfo("r1", { host: "another" })];
  const since = { key: { arm: "gc", seed: 5 }, epoch: 1, step: 1, steps: 3 } as const;
  for (const [i, training] of [...resumed!.trainings, ...resumed!.trainings].entries()) {
    // Its host is another one each time: it says so itself.
    const taints = i === 3 ? [{ worker: "r1", host: "a third", since }] : [];
    const encode = () => encodeCheckpoint({ identity, history: historyOf(9, { workers, taints }), training });
    await store.write({ key: training.key, description: "", encode, onSafe() {} });
    await store.idle();
  }
  const back = await loadCheckpoints(new CheckpointStore("c", () => {}, disk), asked);
  assertEquals([back?.rid.length, back?.trainings.map(({ current }) => current.steps)], [1, [2, 3]]);
});
