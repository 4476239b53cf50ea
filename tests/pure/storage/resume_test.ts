import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { ARM_NAMES, NO_FAULTS, type RunHistory, runName } from "../../../coordinator/events/mod.ts";
import { beginTraining } from "../../../coordinator/experiment/mod.ts";
import { encodeCheckpoint } from "../../../coordinator/storage/checkpoint.ts";
import { CheckpointStore } from "../../../coordinator/storage/checkpoint_store.ts";
import { loadCheckpoints } from "../../../coordinator/storage/resume.ts";
import { smallExperiment } from "../../fixtures/experiment.ts";
import { MemoryFiles } from "../../fixtures/memory_files.ts";

const experiment = smallExperiment({ arms: ARM_NAMES, seeds: [5, 6] });
const { config: numeric, arms, seeds } = experiment;
const identity = { runId: "ab", numeric, arms, seeds };

/** A history that says how many pauses there were. */
function historyOf(pauses: number): RunHistory {
  return { herd: "1", workers: [], fingerprints: ["f"], bitIdentical: true, faults: { ...NO_FAULTS, pauses } };
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
    const training = { ...begun, current: { ...begun.current, steps: 1 + i % 2 } };
    const encode = () => encodeCheckpoint({ identity, history: historyOf(i + 1), training });
    await store.write({ key, description: `${i}`, encode, onSafe() {} });
  }
  await store.idle();
  return files;
}

async function load(disk: MemoryFiles) {
  const store = new CheckpointStore("c", () => {}, disk);
  const resumed = await loadCheckpoints(store, identity, experiment);
  const stands = resumed?.trainings.map(({ key, current }) => `${runName(key)} ${current.steps}`);
  return { stands, pauses: resumed?.history.faults.pauses, newest: store.newest };
}

Deno.test("loadCheckpoints(): each training as far as it is, and what the newest file of all says of the run", async () => {
  assertEquals(await load(new MemoryFiles()), { stands: undefined, pauses: undefined, newest: undefined });
  assertEquals(await load(await files()), {
    stands: ["no-gc-6 2", "gc-5 1", "gc-update-5 2"],
    pauses: 4,
    newest: "arm gc-update, seed 5, epoch 1, step 2 of 3",
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
    newest: "arm no-gc, seed 6, epoch 1, step 2 of 3",
  });
});
