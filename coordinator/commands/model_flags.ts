// What `evaluate` and `predict` have in common: which model, and who computes with it.
import { about, choice, number, text } from "../../shared/cli/flags.ts";
import { ARM_NAMES } from "../events/mod.ts";
import type { SavedModel } from "../inference/mod.ts";
import { trainFlags } from "./settings.ts";

const { workers, backend } = trainFlags;

/** The flags that choose a model: of the trainings that they leave, the best one is taken. */
export const modelFlags = about("network", {
  run: text("DIR", "folder of the run that has the model [the newest in runs/]", undefined),
  arm: choice(
    ARM_NAMES,
    "only trainings of this arm; of several the one with the best primary metric is taken",
    undefined,
  ),
  seed: number({ help: "only trainings with this seed", min: 0 }, undefined),
});

/** The flags that say who computes. */
export const computingFlags = { workers, backend };

/** The model in a few words: "gc-0 of runs/x (best test AUC of 4 trainings, 0.9812)". */
export function describeModel({ name, folder, because }: SavedModel): string {
  return `${name} of ${folder} (${because})`;
}
