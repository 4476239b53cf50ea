// What a resumed run goes on from: the newest good checkpoint of each training. Trainings do not depend on each other, so
// each goes on from where it stands itself. Where a worker's answers have turned out to be wrong, the run goes back to what was
// kept from before that worker came.
import { HerdError } from "../../shared/errors.ts";
import {
  allKeys,
  describePosition,
  type RunHistory,
  type RunKey,
  runName,
  type Subscriber,
  type Taint,
} from "../events/mod.ts";
import {
  type Experiment,
  impossibility,
  isDispensable,
  releaseWeights,
  standOf,
  type Training,
} from "../experiment/mod.ts";
import { type Checkpoint, decodeCheckpoint, type RunIdentity } from "./checkpoint.ts";
import type { CheckpointStore } from "./checkpoint_store.ts";
import type { RunDirectory } from "./run_folder.ts";

/** What the earlier processes of a run have left. */
export interface Resumed {
  /** What the newest checkpoint says. */
  readonly history: RunHistory;
  /** The trainings that have begun. */
  readonly trainings: Training[];
  /** Workers whose wrong answers the run has been rid of by going back. */
  readonly rid: readonly Taint[];
}

/**
 * Reads a run's checkpoints. Trainings that are over, and whose models are in the folder, come without their weights.
 * @returns undefined, if there are none yet
 * @throws {HerdError} data, if a training has checkpoints but none can be used, or if there are such of an older format
 */
export async function loadCheckpoints(
  store: CheckpointStore,
  { identity, experiment, folder }: {
    readonly identity: RunIdentity;
    readonly experiment: Experiment;
    readonly folder: Pick<RunDirectory, "modelHash">;
  },
): Promise<Resumed | undefined> {
  const keys = allKeys(experiment);
  const models = new Map<string, string | undefined>();
  for (const key of keys) models.set(runName(key), await folder.modelHash(runName(key)));
  const decode = (bytes: Uint8Array, key: RunKey) => {
    const checkpoint = decodeCheckpoint(bytes, identity, key);
    const why = impossibility(experiment, checkpoint.training);
    if (why !== undefined) throw new HerdError("data", `it says what cannot be: ${why}`);
    const { training } = checkpoint;
    if (isDispensable(training, experiment) && models.get(runName(key)) === training.weightsSha256) {
      releaseWeights(training);
    }
    return checkpoint;
  };
  const describe = ({ training }: Checkpoint) => describePosition(standOf(experiment, training), experiment.seeds);
  const load = () => store.load(keys, decode, describe);
  let checkpoints = await load();
  const { history: { taints } = { taints: [] } } = checkpoints.at(-1) ?? {};
  let rid: readonly Taint[] = [];
  if (taints.length > 0) {
    const isClean = ({ history }: { readonly history: RunHistory }) => !taints.some((taint) => knows(history, taint));
    if (await store.goBack(keys, decode, isClean)) [checkpoints, rid] = [await load(), taints];
  }
  const newest = checkpoints.at(-1);
  if (newest === undefined) return undefined;
  return { history: newest.history, trainings: checkpoints.map(({ training }) => training), rid };
}

/** Whether a worker had come when this was written, whatever host it said that it is on. */
function knows({ workers }: RunHistory, { worker }: Taint): boolean {
  return workers.some(({ id }) => id === worker);
}

/** Keeps what there is on the disk when a worker comes for the first time: its answers may turn out to be wrong. */
export function keepWhatWasBefore(store: CheckpointStore): Subscriber {
  const known = new Set<string>();
  return (event) => {
    if (event.type !== "worker" || event.what !== "ready") return;
    const { id } = event.worker;
    if (known.has(id) || !store.pin()) return;
    known.add(id);
  };
}
