// What is trained in an experiment, as a list of keys: seed after seed, so that what is broken off has whole pairs.
import type { ArmName, RunKey } from "./run_key.ts";

/** How the second arm begins: from the same weights as the first, or from those that the first ended with. */
export const PROTOCOLS = ["fair", "as-published"] as const;
/** One of the protocols. */
export type Protocol = (typeof PROTOCOLS)[number];

/** What is varied in an experiment. */
export interface RunPlan {
  /** What is compared, the first with each other. At least one, each once. */
  readonly arms: readonly ArmName[];
  /** One pair of trainings each, at each rate. At least one, each once. */
  readonly seeds: readonly number[];
  /** Every arm has each. At least one, the default one first. */
  readonly learningRates: readonly number[];
  /** Whether there are trainings that show what the instrument sees. */
  readonly control: boolean;
  /** as-published has the second arm once more, beginning where the first has ended. */
  readonly protocol: Protocol;
}

/** The keys of a seed: the arms at each rate, then the controls, then what goes on from the first arm. */
export function keysOf({ arms, learningRates, control, protocol }: Omit<RunPlan, "seeds">, seed: number): RunKey[] {
  const compared = learningRates.flatMap((learningRate, i) =>
    arms.map((arm): RunKey => ({ arm, seed, ...(i === 0 ? {} : { learningRate }) }))
  );
  const first = arms[0]!;
  const controls: RunKey[] = control ? [{ arm: first, seed, role: "again" }, { arm: first, seed, role: "lose" }] : [];
  const published = protocol === "fair" ? [] : arms.slice(1).map((arm): RunKey => ({ arm, seed, role: "published" }));
  return [...compared, ...controls, ...published];
}

/** All keys of an experiment, in order. */
export function allKeys(plan: RunPlan): RunKey[] {
  return plan.seeds.flatMap((seed) => keysOf(plan, seed));
}
