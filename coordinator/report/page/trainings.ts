// The trainings of a report, in the groups that charts and tables speak of.
import type { EpochRecord } from "../../events/mod.ts";
import type { ArmName } from "../../events/mod.ts";
import type { ArmReport, Report } from "../report.ts";

/** What is told of each epoch. */
export type EpochMetric = "testAuc" | "testMeanProbability" | "testLoss" | "testAccuracy" | "loss" | "accuracy";

/** Trainings that differ in their seeds alone. */
export interface Group {
  readonly arm: ArmName;
  readonly learningRate: number;
  readonly trainings: readonly ArmReport[];
}

/** The rate that the plan names first; 0 where none is known. */
export function defaultRate({ plan, arms }: Report): number {
  return plan.learningRates[0] ?? arms[0]?.learningRate ?? 0;
}

/** What is compared: no controls, nothing of another protocol. */
export function compared({ arms }: Report): readonly ArmReport[] {
  return arms.filter(({ role }) => role === null);
}

/** By arm and rate, in the order in which they first come. */
export function groupsOf(trainings: readonly ArmReport[]): Group[] {
  const groups = new Map<string, ArmReport[]>();
  for (const one of trainings) {
    const name = `${one.arm} ${one.learningRate}`;
    groups.set(name, [...groups.get(name) ?? [], one]);
  }
  return [...groups.values()].map((trainings) => {
    const { arm, learningRate } = trainings[0]!;
    return { arm, learningRate, trainings };
  });
}

/** The rates, ascending. */
export function ratesOf(trainings: readonly ArmReport[]): number[] {
  return [...new Set(trainings.map(({ learningRate }) => learningRate))].sort((a, b) => a - b);
}

/** A metric of an epoch; null where it is not known. */
export function epochValue(record: EpochRecord, metric: EpochMetric): number | null {
  const value = record[metric];
  return value === null || !Number.isFinite(value) ? null : value;
}

/**
 * Those that a mean over seeds is of: the ones that have come as far as the farthest, and those that diverged
 * before. Others are
 * still to be finished, and would only be in a part of the mean.
 */
export function meant(trainings: readonly ArmReport[]): readonly ArmReport[] {
  const most = Math.max(0, ...trainings.map(({ epochs }) => epochs.length));
  return trainings.filter(({ epochs, diverged }) => diverged !== null || epochs.length === most);
}
