// What a resumed run goes on from: the newest good checkpoint of each training. Trainings do not depend on each other, so
// each goes on from where it stands itself. Where a worker's answers have turned out to be wrong, the run goes back to what was
// kept from before that worker came.
import { HerdError } from "../../shared/errors.ts";
import { describePosition, type RunHistory, type Subscriber, type Taint } from "../events/mod.ts";
import { type Experiment, impossibility, standOf, type Training } from "../experiment/mod.ts";
import { decodeCheckpoint, type RunIdentity } from "./checkpoint.ts";
import type { CheckpointStore } from "./checkpoint_store.ts";

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
  const keys = seeds.flatMap((seed) => arms.map((arm) => ({ arm, seed })));
  const decode = (bytes: Uint8Array, key: typeof keys[number]) => {
    const checkpoint = decodeCheckpoint(bytes, identity, key);
    const why = impossibility(experiment, checkpoint.training);
    if (why !== undefined) throw new HerdError("data", `it says what cannot be: ${why}`);
    return checkpoint;
  };
  const load = () => store.load(keys, decode, ({ training }) => describePosition(standOf(experiment, training), seeds));
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
