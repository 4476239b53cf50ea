// What a resumed run goes on from: the newest good checkpoint of each training. Trainings do not depend on each other, so
// each goes on from where it stands itself.
import { describePosition, type RunHistory } from "../events/mod.ts";
import { type Experiment, standOf, type Training } from "../experiment/mod.ts";
import { decodeCheckpoint, type RunIdentity } from "./checkpoint.ts";
import type { CheckpointStore } from "./checkpoint_store.ts";

/** What the earlier processes of a run have left. */
export interface Resumed {
  /** What the newest checkpoint says. */
  readonly history: RunHistory;
  /** The trainings that have begun. */
  readonly trainings: Training[];
}

/**
 * Reads a run's checkpoints.
 * @returns undefined, if there are none yet
 * @throws {HerdError} data, if a training has checkpoints but none can be used, or if there are such of an older format
 */
export async function loadCheckpoints(
  store: CheckpointStore,
  identity: RunIdentity,
  experiment: Experiment,
): Promise<Resumed | undefined> {
  const { arms, seeds } = identity;
  const checkpoints = await store.load(
    seeds.flatMap((seed) => arms.map((arm) => ({ arm, seed }))),
    (bytes, key) => decodeCheckpoint(bytes, identity, key),
    ({ training }) => describePosition(standOf(experiment, training), seeds),
  );
  const newest = checkpoints.at(-1);
  if (newest === undefined) return undefined;
  return { history: newest.history, trainings: checkpoints.map(({ training }) => training) };
}
