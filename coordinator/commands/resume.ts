// --resume: what an earlier command was told, with what may be another now; and what its run goes on from.
import type { Given } from "../../shared/cli/command.ts";
import { camelCase } from "../../shared/cli/flags.ts";
import { takeUp, toGiveAgain } from "../../shared/cli/stored_flags.ts";
import { BACKENDS } from "../../shared/engine_names.ts";
import { HerdError } from "../../shared/errors.ts";
import { isModelFile } from "../../shared/model_file.ts";
import { allKeys, type EventBus, type RunHistory, type Subscriber } from "../events/mod.ts";
import { type Experiment, isOver } from "../experiment/mod.ts";
import { nameTaints, parseReport, type Report } from "../report/mod.ts";
import {
  type CheckpointStore,
  differences,
  loadCheckpoints,
  readReportText,
  readRunConfig,
  refuseLinks,
  type Resumed,
  type RunDirectory,
  type RunIdentity,
} from "../storage/mod.ts";
import { refuseOtherModel } from "./model_choice.ts";
import type { RunOptions } from "./run_options.ts";
import { type Settings, trainFlags } from "./settings.ts";

/** What a run goes on with. */
export interface ResumedSettings {
  /** Those of its folder, with those that are given now. */
  readonly settings: Settings;
  /** What the run was begun with and has not been given again, in a sentence; "" for nothing. */
  readonly notTaken: string;
}

/**
 * The settings of a run's folder, with those that are given now and may change. The folder may be somebody else's: what would
 * start a program, open a path or let others in is not taken from it.
 * @throws {HerdError} usage, if another value is given for what may not change; data, if the folder holds no run, links, or a
 * damaged config.json
 */
export async function resumedSettings(
  folder: string,
  { values, given }: Given<typeof trainFlags>,
): Promise<ResumedSettings> {
  await refuseLinks(folder);
  const { told, numeric } = await readRunConfig(folder);
  // How many workers to wait for follows from how many there are, unless it is said.
  const elsewhere = given.has("launcher") || (told["launcher"] ?? "local") !== "local";
  const workers = elsewhere ? { workers: null, minWorkers: null } : {};
  const awaited = given.has("workers") ? { minWorkers: null } : {};
  const named = told["backend"];
  const isGone = typeof named === "string" && !BACKENDS.some((backend) => backend === named);
  const stored = { ...told, ...workers, ...awaited, ...isGone ? { backend: null } : {}, out: folder };
  const fixed = new Set(given);
  if (given.has("model") && isModelFile(values.model)) {
    await refuseOtherModel(values.model, numeric.compute.model, folder);
    fixed.delete("model"); // it is the same, wherever it is now
  }
  const settings = takeUp(trainFlags, { values, given: fixed }, { told: stored, source: folder });
  for (const name of ["epochs", "seeds"] as const) {
    const before = Number(told[name] ?? 1);
    if (settings[name] >= before) continue;
    throw new HerdError(
      "usage",
      `--${name} ${settings[name]} is less than the ${before} of ${folder}: give as many or more`,
    );
  }
  if (settings.protocol === "as-published" && settings.epochs > Number(told["epochs"])) {
    const why = "its second arm has begun where the first one ended, and would not begin there again";
    throw new HerdError(
      "usage",
      `--epochs cannot prolong the as-published run of ${folder}: ${why}; begin another run`,
    );
  }
  const missing = Object.entries(told).filter(([name]) => ![...given].map(camelCase).includes(name));
  const flags = toGiveAgain(trainFlags, Object.fromEntries(missing));
  const sentences = [
    ...flags === "" ? [] : [`The run in ${folder} was begun with ${flags}: give again what it still needs`],
    ...isGone && !given.has("backend")
      ? [`The run in ${folder} was begun with --backend ${named}, which is no engine of this version: it takes auto`]
      : [],
  ];
  return { settings, notTaken: sentences.join("; ") };
}

/** The report of the run to be resumed, if that has done already all that it is to do. */
export async function finishedReport(
  { resume, seed, seeds, epochs }: Settings,
  bus: EventBus,
): Promise<Report | undefined> {
  if (resume === undefined) return undefined;
  let report: Report;
  try {
    report = parseReport(await readReportText(resume), resume);
  } catch {
    return undefined; // it was broken off before there was one
  }
  const wanted = Array.from({ length: seeds }, (_, i) => seed + i);
  const isDone = (seed: number) => {
    const own = report.arms.filter((one) => one.seed === seed);
    return own.length > 0 && own.every((one) => one.diverged !== null || one.epochs.length >= epochs);
  };
  if (!report.complete || report.taints.length > 0 || !wanted.every(isDone)) return undefined;
  const larger = "a larger --epochs or --seeds goes on with it";
  const text = `The run in ${resume} is finished: see ${resume}/report.html; ${larger}`;
  bus.emit({ type: "notice", text });
  return report;
}

/** @throws {HerdError} data, if what the resumed run's config.json says gives another run now */
export async function refuseOther(now: RunIdentity, { resume, data }: Settings): Promise<void> {
  if (resume === undefined) return;
  const { numeric } = await readRunConfig(resume);
  const [before, after] = [numeric.compute.dataset, now.numeric.compute.dataset];
  if (before !== after) {
    const hashes = `${resume} was trained on images of SHA-256 ${before}, these have ${after}`;
    throw new HerdError("data", `--data ${data} is another data set than before: ${hashes}; give its --data again`);
  }
  const weights = [numeric.initWeights, now.numeric.initWeights];
  if (weights[0] !== weights[1]) {
    const [there, here] = weights.map((hash) => hash === null ? "weights of their own" : `weights of SHA-256 ${hash}`);
    const what = `The trainings of ${resume} began with ${there}, now they would with ${here}`;
    throw new HerdError("data", `${what}: give the same --init-weights again`);
  }
  const different = differences({ ...now, numeric }, now);
  if (different.length === 0) return;
  throw new HerdError("data", `${resume}/config.json does not fit itself: ${different.join(", ")}; restore it`);
}

/**
 * What a resumed run goes on from; undefined for another one, or if there is no checkpoint yet.
 * @throws {HerdError} data, if there are checkpoints but none can be used
 */
export async function loadResumed(
  store: CheckpointStore,
  { identity, experiment, folder, options: { settings: { resume }, version }, bus }: {
    readonly identity: RunIdentity;
    readonly experiment: Experiment;
    readonly options: RunOptions;
    readonly folder: RunDirectory;
    readonly bus: EventBus;
  },
): Promise<Resumed | undefined> {
  if (resume === undefined) return undefined;
  const resumed = await loadCheckpoints(store, { identity, experiment, folder });
  const notice = (text: string) => bus.emit({ type: "notice", text });
  if (resumed === undefined) {
    notice(`There is no checkpoint yet in ${resume}: the run starts at its beginning`);
  }
  const { rid = [], history } = resumed ?? {};
  if (rid.length > 0) notice(`The run goes back to before ${nameTaints(rid)}`);
  else if (history !== undefined && history.taints.length > 0) {
    const way = "no checkpoint is from before that: begin the run anew with another --out";
    const text = `This run has in it ${nameTaints(history.taints)}, and ${way}`;
    const isAllOver = resumed!.trainings.length === allKeys(experiment).length &&
      resumed!.trainings.every((training) => isOver(training, experiment));
    if (isAllOver) throw new HerdError("data", text);
    notice(text);
  }
  if (history !== undefined && history.herd !== version) {
    const versions = `version ${history.herd}, this is ${version}`;
    notice(`The checkpoint is of Herd ${versions}: bit-identity with the uninterrupted run is off`);
  }
  return resumed;
}

/** Fingerprints that are told apart. */
const MOST_SEEN = 100;

/** Says so when a worker becomes ready whose bits may differ from the others' or from those before the checkpoint. */
export function warnIfMixed(bus: EventBus, earlier: RunHistory | undefined): Subscriber {
  const seen = new Set<string>();
  return (event) => {
    if (event.type !== "worker" || event.what !== "ready") return;
    const { id, fingerprint } = event.worker;
    if (seen.size > MOST_SEEN) return; // it has been said often enough
    if (seen.size > 0 && (seen.size > 1 || !seen.has(fingerprint))) {
      bus.emit({
        type: "notice",
        text: "The workers' fingerprints differ: bit-identity with other sets of workers is off",
      });
    }
    seen.add(fingerprint);
    if (earlier === undefined || earlier.fingerprints.includes(fingerprint)) return;
    const before = earlier.fingerprints.map((one) => `${one.slice(0, 16)}…`).join(", ");
    const what = `The fingerprint of ${id} is not that of the checkpoint (${before})`;
    bus.emit({ type: "notice", text: `${what}: bit-identity with the uninterrupted run is off` });
  };
}
