// What a run's events add up to: enough to draw the present state for whoever comes late, and to make the report from. A pure
// fold, so that a stored stream of events gives the same report as the run that it is of.
import { addChecks, type CheckCounts, NO_CHECKS, type Taint } from "./checks.ts";
import type { DatasetFacts, RunEvent, RunFacts, RunHistory, Traffic, TrainingRecord, WorkerInfo } from "./event.ts";
import type { DiagnosticsSummary } from "./diagnostics.ts";
import { addFaults, type FaultCounts, NO_FAULTS } from "./faults.ts";
import { allKeys, type RunPlan } from "./plan.ts";
import type { Position } from "./position.ts";
import { isSameRun, type RunKey } from "./run_key.ts";

/** The state of a run after some of its events. */
export interface Snapshot {
  /** Null until it is found. */
  readonly dataset: DatasetFacts | null;
  /** Null until the run begins. */
  readonly run: RunFacts | null;
  /**
   * All workers that could compute at some time, in earlier processes of the run too, in the order of their coming; of more
   * than a thousand those that came first and are gone are left out.
   */
  readonly workers: readonly { readonly worker: WorkerInfo; readonly isHere: boolean }[];
  /** Of all of them, in the order of their coming, up to a hundred: two already mean that bits may differ. */
  readonly fingerprints: readonly string[];
  /** Of the whole run. */
  readonly faults: FaultCounts;
  /** Of the whole run. */
  readonly checks: CheckCounts;
  /** Workers whose wrong answers are in the weights. */
  readonly taints: readonly Taint[];
  /** The trainings that have finished an epoch or diverged, in the order of their coming. */
  readonly trainings: readonly TrainingRecord[];
  /** What --diagnostics has seen so far; null without it. */
  readonly diagnostics: DiagnosticsSummary | null;
  /** The end of the last step. */
  readonly position: Position | null;
  /** Of this process. */
  readonly traffic: Traffic;
  /** What the newest checkpoint is of. */
  readonly checkpoint: Position | null;
  /** Null while the run lasts. */
  readonly end: Extract<RunEvent, { type: "end" }> | null;
}

/** What is remembered: workers may come and go under new names for as long as a run lasts. */
const MOST = { workers: 1_000, fingerprints: 100 } as const;

/** Before the first event. */
export const NOTHING_YET: Snapshot = {
  dataset: null,
  run: null,
  workers: [],
  fingerprints: [],
  faults: NO_FAULTS,
  checks: NO_CHECKS,
  taints: [],
  trainings: [],
  diagnostics: null,
  position: null,
  traffic: { up: 0, down: 0 },
  checkpoint: null,
  end: null,
};

/** The state after one more event. */
export function afterEvent(snapshot: Snapshot, event: RunEvent): Snapshot {
  switch (event.type) {
    case "notice":
    case "data":
    case "spans":
      return snapshot;
    case "dataset": {
      const { type: _type, ...dataset } = event;
      return { ...snapshot, dataset };
    }
    case "run": {
      const { type: _type, ...run } = event;
      return run.resumed === null ? { ...snapshot, run } : withHistory({ ...snapshot, run }, run.resumed);
    }
    case "worker": {
      const { what, worker } = event;
      if (what === "joined" || what === "preparing") return snapshot;
      const known = snapshot.workers.some((one) => isSameWorker(one.worker, worker));
      if (what !== "ready" && !known) return snapshot; // it never could compute
      const now = { worker, isHere: what === "ready" };
      const workers = known
        ? snapshot.workers.map((one) => isSameWorker(one.worker, worker) ? now : one)
        : [...snapshot.workers, now];
      return {
        ...snapshot,
        workers: newest(workers),
        fingerprints: union(snapshot.fingerprints, [worker.fingerprint]),
      };
    }
    case "fault": {
      const { fault, count } = event;
      return { ...snapshot, faults: addFaults(snapshot.faults, { ...NO_FAULTS, [fault]: count }) };
    }
    case "check":
      return { ...snapshot, checks: addChecks(snapshot.checks, event) };
    case "taint": {
      const { type: _type, ...taint } = event;
      return { ...snapshot, taints: [...snapshot.taints, taint] };
    }
    case "step": {
      const { key, epoch, step, steps, traffic, speeds } = event;
      const workers = snapshot.workers.map(({ worker, isHere }) => ({
        worker: { ...worker, imagesPerSecond: speeds[worker.id] ?? worker.imagesPerSecond },
        isHere,
      }));
      return { ...snapshot, position: { key, epoch, step, steps }, traffic, workers };
    }
    case "epoch": {
      const { key, record, weightsSha256, testLogits } = event;
      return withTraining(snapshot, key, ({ epochs }) => ({ epochs: [...epochs, record], weightsSha256, testLogits }));
    }
    case "diverged":
      return withTraining(snapshot, event.position.key, () => ({ diverged: event.text }));
    case "diagnostics":
      return { ...snapshot, diagnostics: event.summary };
    case "checkpoint":
      return { ...snapshot, checkpoint: event.position };
    case "end":
      return { ...snapshot, end: event };
    default: {
      const unknown: never = event;
      throw new Error(`Unknown event: ${JSON.stringify(unknown)}`);
    }
  }
}

/** Whether the bits are those of an undisturbed run on workers with one fingerprint, as far as is known. */
export function isBitIdentical({ run, fingerprints, faults, taints }: Snapshot): boolean {
  const before = run?.resumed?.history;
  const asBefore = before === undefined || (before.bitIdentical && before.herd === run?.herd);
  const isUndisputed = faults.undecidedDisputes === 0 && taints.length === 0;
  return asBefore && fingerprints.length <= 1 && isUndisputed && !run?.compressGradients;
}

/** The trainings in the order of an experiment. */
export function inOrder(trainings: readonly TrainingRecord[], plan: RunPlan): TrainingRecord[] {
  return allKeys(plan).flatMap((key) => trainings.filter((training) => isSameRun(training.key, key)));
}

/** With a training changed, which begins if there was none. */
function withTraining(
  snapshot: Snapshot,
  key: RunKey,
  change: (before: TrainingRecord) => Partial<TrainingRecord>,
): Snapshot {
  const earlier = snapshot.trainings.find((training) => isSameRun(training.key, key));
  const before = earlier ?? { key, epochs: [], weightsSha256: "", testLogits: [], diverged: null };
  const training = { ...before, ...change(before) };
  const trainings = earlier === undefined
    ? [...snapshot.trainings, training]
    : snapshot.trainings.map((one) => one === earlier ? training : one);
  return { ...snapshot, trainings };
}

/** What a checkpoint keeps of a run besides its trainings. */
export function historyOf(snapshot: Snapshot): RunHistory {
  const { run, workers, fingerprints, faults, checks, taints } = snapshot;
  return {
    herd: run?.herd ?? "",
    workers: workers.map(({ worker }) => worker),
    fingerprints,
    bitIdentical: isBitIdentical(snapshot),
    faults,
    checks,
    taints,
  };
}

/** Workers may have come before the run was announced, and may have taken part before it was broken off. */
function withHistory(
  snapshot: Snapshot,
  { at, history, trainings }: RunFacts["resumed"] & object,
): Snapshot {
  const gone = history.workers.filter((one) => !snapshot.workers.some(({ worker }) => isSameWorker(worker, one)));
  return {
    ...snapshot,
    workers: newest([...gone.map((worker) => ({ worker, isHere: false })), ...snapshot.workers]),
    fingerprints: union(history.fingerprints, snapshot.fingerprints),
    faults: addFaults(history.faults, snapshot.faults),
    checks: addChecks(history.checks, snapshot.checks),
    taints: [...history.taints, ...snapshot.taints],
    trainings: trainings.filter(({ epochs, diverged }) => epochs.length > 0 || diverged !== null),
    position: at,
    checkpoint: at,
  };
}

/** A worker that is started again, or goes on with a resumed run, is the same; on another device it is another one. */
function isSameWorker(a: WorkerInfo, b: WorkerInfo): boolean {
  return a.id === b.id && a.host === b.host && a.fingerprint === b.fingerprint;
}

function union(a: readonly string[], b: readonly string[]): string[] {
  return [...new Set([...a, ...b])].slice(0, MOST.fingerprints);
}

function newest(workers: Snapshot["workers"]): Snapshot["workers"] {
  let surplus = workers.length - MOST.workers;
  return surplus <= 0 ? workers : workers.filter(({ isHere }) => isHere || --surplus < 0);
}
