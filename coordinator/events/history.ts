// What happened in all processes of a run.
import type { RunHistory, WorkerInfo } from "./event.ts";
import { addFaults } from "./faults.ts";

/**
 * The history of a run that was gone on with.
 * @param earlier that of the processes before; undefined in the first one
 * @param now that of this process
 */
export function joinHistories(earlier: RunHistory | undefined, now: RunHistory): RunHistory {
  if (earlier === undefined) return { ...now, bitIdentical: now.bitIdentical && now.fingerprints.length <= 1 };
  const fingerprints = [...new Set([...earlier.fingerprints, ...now.fingerprints])];
  return {
    herd: now.herd,
    workers: joinWorkers(earlier.workers, now.workers),
    fingerprints,
    bitIdentical: earlier.bitIdentical && now.bitIdentical && earlier.herd === now.herd && fingerprints.length <= 1,
    faults: addFaults(earlier.faults, now.faults),
  };
}

/** Every worker once, in the order of their coming; one that outlasted a coordinator is the same worker in both processes. */
function joinWorkers(earlier: readonly WorkerInfo[], now: readonly WorkerInfo[]): WorkerInfo[] {
  const nameOf = ({ id, host, pid }: WorkerInfo) => JSON.stringify([id, host, pid]);
  const all = new Map(earlier.map((worker) => [nameOf(worker), worker]));
  for (const worker of now) {
    const computeSeconds = (all.get(nameOf(worker))?.computeSeconds ?? 0) + worker.computeSeconds;
    const imagesPerSecond = worker.imagesPerSecond || (all.get(nameOf(worker))?.imagesPerSecond ?? 0);
    all.set(nameOf(worker), { ...worker, computeSeconds, imagesPerSecond });
  }
  return [...all.values()];
}
