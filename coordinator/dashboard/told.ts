// Facts of a run as the page is told them.
import { allKeys, describeKey, type Role, type RunFacts, type RunKey, runName, type Snapshot } from "../events/mod.ts";
import type { EpochTold, RunTold } from "./message.ts";

/** The end of a training's epoch. */
export function epochTold(key: RunKey, record: Omit<EpochTold, "training">): EpochTold {
  const { epoch, loss, accuracy, testLoss, testAccuracy, testAuc } = record;
  return { training: runName(key), epoch, loss, accuracy, testLoss, testAccuracy, testAuc };
}

/** What does not change while a run goes on. */
export function runTold(run: RunFacts, { dataset }: Pick<Snapshot, "dataset">): RunTold {
  const { herd, folder, command, modelName, arms, epochs, seeds } = run;
  const tests = Object.values(dataset?.used ?? {}).map(([, test]) => test);
  const all = tests.reduce((sum, one) => sum + one, 0);
  return {
    herd,
    folder,
    command,
    model: modelName,
    dataset: dataset?.info.name ?? "",
    arms,
    epochs,
    trainings: allKeys(run).map((key) => ({
      name: runName(key),
      label: describeKey(key, seeds),
      arm: key.arm,
      seed: key.seed,
      group: groupOf(key, run),
    })),
    chance: all === 0 ? null : Math.max(...tests) / all,
    isAucMacro: run.model.classes > 1,
    fallback: dataset?.fallback ?? false,
  };
}

/** "rate 0.0001"; for trainings that are not compared, what they are for: "control: learns nothing". */
function groupOf({ role, learningRate }: RunKey, { learningRates }: RunFacts): string {
  return role === undefined ? `rate ${learningRate ?? learningRates[0]}` : ROLE_GROUPS[role];
}

const ROLE_GROUPS: Readonly<Record<Role, string>> = {
  again: "control: another random stream",
  lose: "control: learns nothing",
  published: "as published",
};
