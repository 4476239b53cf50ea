// What a run looks like in a terminal: a live line while it computes, a line an epoch, and the final block.
import { describeDataset, progressLines } from "../../data/mod.ts";
import { figure, formatBytes, formatSeconds } from "../../shared/cli/format.ts";
import type { Style } from "../../shared/cli/console.ts";
import type { ProgressLine } from "../../shared/cli/progress_line.ts";
import {
  allEpochs,
  allKeys,
  describeKey,
  describePosition,
  Eta,
  isSameRun,
  type RunEvent,
  type RunFacts,
  type Snapshot,
} from "../events/mod.ts";
import { ARTEFACT, finalBlock } from "./final_block.ts";
import { reportOf } from "./report_of.ts";
import { RULE } from "../statistics/mod.ts";
import { sparkline } from "./sparkline.ts";
import { summaryLines, summaryTable } from "./summary_table.ts";
import { describeMetric, nameTaints } from "./wording.ts";

/** Where text goes and what it may look like. */
export interface TerminalOptions {
  /** Writes a line to stdout. */
  print(line: string, style?: Style): void;
  /** The live line. */
  readonly progress: ProgressLine;
  /** Only the final block and what must not be missed. */
  readonly quiet: boolean;
  /** Also what only the curious want to know. */
  readonly verbose: boolean;
}

type Event<Type extends RunEvent["type"]> = Extract<RunEvent, { readonly type: Type }>;

/** When the run as a whole will take longer than this, it is said what would not. */
const LONG_RUN_SECONDS = 3600;
const SHORT_RUN_SECONDS = 600;
/** The first steps are slower, while their code is compiled. */
const ENOUGH_SECONDS = 2;
/** What takes less is over before it is read. */
const BRIEF_SECONDS = 30;

/** Tells people what happens in a run: a subscriber of its events. */
export class Terminal {
  readonly #options: TerminalOptions;
  readonly #eta = new Eta();
  readonly #dataLine = progressLines();
  #estimated = false;

  /** Nothing is printed yet. */
  constructor(options: TerminalOptions) {
    this.#options = options;
  }

  /** Says an event, if it is worth a line. */
  readonly hear = (event: RunEvent, snapshot: Snapshot): void => {
    switch (event.type) {
      case "notice":
        return this.#notice(event.text);
      case "fault":
        return event.text === undefined ? undefined : this.#notice(event.text);
      case "data":
        return this.#options.quiet ? undefined : this.#options.progress.show(this.#dataLine(event.progress));
      case "dataset":
        return this.#dataset(event);
      case "run":
        return this.#run(event, snapshot);
      case "worker":
        return this.#worker(event);
      case "step":
        return this.#step(event, snapshot);
      case "epoch":
        return this.#epoch(event, snapshot);
      case "diverged":
        return this.#notice(`Ended: ${event.text}. It counts as a loss; the run goes on`);
      case "checkpoint":
      case "diagnostics":
      case "check":
        return;
      case "taint":
        return this.#notice(`TAINTED: the weights have in them ${nameTaints([event])}`);
      case "end":
        return this.#end(event, snapshot);
    }
  };

  #notice(text: string): void {
    this.#options.progress.clear();
    this.#options.print(text, "warning");
  }

  #dataset({ info, limit }: Event<"dataset">): void {
    for (const line of describeDataset(info, { limit })) this.#print(line);
  }

  #run(run: Event<"run">, { dataset }: Snapshot): void {
    this.#eta.begin(run);
    const summarized = { name: run.modelName, model: run.model, memory: run.memory, engine: run.backend };
    const summary = this.#options.verbose ? summaryTable : summaryLines;
    if (!this.#options.quiet) summary(summarized).forEach((line) => this.#print(line));
    for (const line of planLines(run, dataset?.info.classes ?? [])) this.#print(line);
    if (run.resumed === null) return;
    this.#print(`Resumed at ${describePosition(run.resumed.at, run.seeds)}`);
  }

  #worker({ what, worker, reason }: Event<"worker">): void {
    const { id, pid, host, engine, adapter, fingerprint } = worker;
    const where = `pid ${pid}${host ? ` on ${host}` : ""}`;
    if (what === "ready") {
      this.#print(`Worker  ${id} (${where}): ${engine} on ${adapter}, fingerprint ${fingerprint.slice(0, 16)}…`);
    } else if (what === "preparing") {
      this.#print(`Worker  ${id} (${where}): ${reason}`);
    } else if (what === "joined") {
      if (this.#options.verbose) this.#print(`Worker  ${id} (${where}) has joined`);
    } else this.#notice(`Worker  ${id} (${where}) is gone: ${reason}`);
  }

  #step(event: Event<"step">, snapshot: Snapshot): void {
    this.#estimate(event, snapshot);
    if (this.#options.quiet) return;
    const { key, epoch, step, steps, loss, accuracy, images, seconds } = event;
    if (isLarge(snapshot.run)) return this.#largeStep(event, snapshot);
    const speed = seconds ? `${(images / seconds).toFixed(1)} images/s  ` : "";
    this.#options.progress.show(
      `${key.arm} epoch ${epoch}/${epochsOf(snapshot)} step ${step}/${steps}  loss ${loss.toFixed(4)}  accuracy ${
        accuracy.toFixed(4)
      }  ${speed}ETA ${formatSeconds(this.#secondsLeft(snapshot, step / steps))}`,
    );
  }

  /** Of many trainings: which one, how its loss has gone, its last test, and when all are done. */
  #largeStep({ key, epoch, step, steps, loss }: Event<"step">, snapshot: Snapshot): void {
    const { run, trainings } = snapshot;
    const before = trainings.find((training) => isSameRun(training.key, key))?.epochs ?? [];
    const losses = sparkline([...before.map((record) => record.loss), loss]);
    const auc = figure(before.at(-1)?.testAuc ?? null, 4);
    this.#options.progress.show(
      `${describeKey(key, run?.seeds ?? [])}, epoch ${epoch}/${epochsOf(snapshot)} step ${step}/${steps}`,
      `  loss ${loss.toFixed(4)} ${losses}  ${aucName(run)} ${auc}  ETA of all ${
        formatSeconds(this.#secondsLeft(snapshot, step / steps))
      }`,
    );
  }

  /** Of many trainings: a line for each that is done. */
  #largeEpoch({ key, record }: Event<"epoch">, snapshot: Snapshot): void {
    const { run, trainings } = snapshot;
    if (run === null || record.epoch < run.epochs) return;
    const keys = allKeys(run);
    const done = trainings.filter(({ epochs, diverged }) => diverged !== null || epochs.length >= run.epochs).length;
    const { loss, testLoss, testAccuracy, testAuc } = record;
    const own = trainings.find((training) => isSameRun(training.key, key))?.epochs ?? [];
    const names = keys.map((key) => describeKey(key, run.seeds).length);
    const count = String(keys.length);
    this.#print(
      `${String(done).padStart(count.length)}/${count}  ${
        describeKey(key, run.seeds).padEnd(Math.max(...names))
      }  loss ${loss.toFixed(4)} ${sparkline(own.map(({ loss }) => loss))}  test loss ${
        testLoss.toFixed(4)
      }  test accuracy ${testAccuracy.toFixed(4)}  ${aucName(run)} ${figure(testAuc, 4)}  ETA ${
        formatSeconds(this.#secondsLeft(snapshot, 0))
      }`,
    );
  }

  #epoch(event: Event<"epoch">, snapshot: Snapshot): void {
    this.#sayEpoch(event, snapshot);
    if (!this.#options.quiet && isOver(snapshot)) this.#options.progress.show("Drawing the report");
  }

  #sayEpoch(event: Event<"epoch">, snapshot: Snapshot): void {
    if (isLarge(snapshot.run)) return this.#largeEpoch(event, snapshot);
    const { key, record } = event;
    const { epoch, loss, accuracy, testLoss, testAccuracy, testAuc, seconds, imagesPerSecond } = record;
    const epochs = epochsOf(snapshot);
    this.#print(
      `${key.arm.padEnd(6)} epoch ${String(epoch).padStart(String(epochs).length)}/${epochs}  loss ${
        loss.toFixed(4)
      }  accuracy ${accuracy.toFixed(4)}  test loss ${testLoss.toFixed(4)}  test accuracy ${testAccuracy.toFixed(4)}  ${
        aucName(snapshot.run)
      } ${figure(testAuc, 4)}  ${figure(seconds, 1)} s  ${figure(imagesPerSecond, 1)} images/s  ETA ${
        formatSeconds(this.#secondsLeft(snapshot, 0))
      }`,
    );
  }

  /** A run that was broken off says so as an error, elsewhere. */
  #end({ complete }: Event<"end">, snapshot: Snapshot): void {
    this.#options.progress.clear();
    if (!complete || snapshot.run === null) return;
    for (const line of finalBlock(reportOf(snapshot, true))) this.#options.print(line, styleOf(line));
    this.#options.print("");
    this.#options.print(`Report: ${snapshot.run.folder}/report.html`);
  }

  /**
   * As soon as steps have been timed for a while, what the run will take; one that takes over an hour is told the --limit that would take
   * ten minutes, unless it is of many trainings or goes on with others.
   */
  #estimate({ images, seconds, step, steps }: Event<"step">, { run, dataset }: Snapshot): void {
    if (this.#estimated || run === null || dataset === null || !seconds) return;
    if (seconds < ENOUGH_SECONDS && step < steps) return;
    this.#estimated = true;
    const trainImages = Object.values(dataset.used).reduce((sum, [train]) => sum + train, 0);
    const whole = seconds / images * trainImages * (allEpochs(run) - this.#eta.doneBefore);
    if (whole > LONG_RUN_SECONDS && !isLarge(run) && run.resumed === null) {
      const limit = Math.max(2, Math.floor(trainImages * SHORT_RUN_SECONDS / whole));
      const text = `At this speed the run takes about ${formatSeconds(whole)}; --limit ${limit} would take ten minutes`;
      return this.#notice(text);
    }
    if (whole < BRIEF_SECONDS) return;
    this.#print(`Time    about ${formatSeconds(whole)} of training at this speed, without the tests after each epoch`);
  }

  /** `part` of the current epoch is done. */
  #secondsLeft(snapshot: Snapshot, part: number): number {
    return this.#eta.estimate(snapshot, part).secondsLeft;
  }

  #print(line: string): void {
    if (this.#options.quiet) return;
    this.#options.progress.clear();
    this.#options.print(line);
  }
}

/** The titles of the final block stand out. */
function styleOf(line: string): Style {
  return /^(Not using|Using|Difference|Means|Verdict)/.test(line) ? "strong" : "plain";
}

function epochsOf({ run }: Snapshot): number {
  return run?.epochs ?? 0;
}

/** Whether nothing is left to train. */
function isOver({ run, trainings }: Snapshot): boolean {
  const done = trainings.filter(({ epochs, diverged }) => diverged !== null || epochs.length >= (run?.epochs ?? 0));
  return run !== null && done.length === allKeys(run).length;
}

/** Whether there are more trainings than a pair, or one of each arm: each has one line then. */
function isLarge(run: RunFacts | null): boolean {
  return run !== null && allKeys(run).length > run.arms.length;
}

/** One logit is of two classes. */
function aucName(run: RunFacts | null): string {
  return describeMetric("testAuc", run?.model.classes ?? 2);
}

/** What is going to be done, and by which rule it is judged: said before anything of it is known. */
function planLines(run: RunFacts, classes: readonly string[]): string[] {
  const { arms, seeds, learningRates, epochs, declared, initialWeightsSha256, control, protocol, primary } = run;
  const hashes = [...new Set(Object.values(initialWeightsSha256))];
  const from = hashes.length === 1 ? `initial weights ${hashes[0]!.slice(0, 16)}…` : "its seed's initial weights";
  const lines = [`Arms    ${arms.join(", ")}; each from ${from}`];
  if (isLarge(run)) {
    const rates = `rate${learningRates.length > 1 ? "s" : ""} ${learningRates.join(", ")}`;
    const range = seeds.length > 1 ? `seeds ${seeds[0]} to ${seeds.at(-1)}` : `seed ${seeds[0]}`;
    const more = seeds.length > declared.seeds ? ` (${declared.seeds} declared: the others come after looking)` : "";
    const controls = control ? ", two controls a seed" : "";
    lines.push(`Plan    ${range}${more}, ${rates}${controls}: ${allKeys(run).length} trainings of ${epochs} epochs`);
    if (arms.length > 1) {
      lines.push(
        `Rule    ${describeMetric(primary, run.model.classes)} of the last epoch, ${arms[1]} against ${arms[0]}, rate ${
          learningRates[0]
        }: ${RULE}`,
      );
    }
  }
  if (run.classWeights !== null) {
    const each = run.classWeights.map((weight, label) => `${classes[label]}: ${weight.toFixed(3)}`);
    lines.push(`Weights of a training image by its class: ${each.join(", ")}`);
  }
  if (protocol === "as-published") lines.push(ARTEFACT);
  lines.push(`Folder  ${run.folder} (about ${formatBytes(run.diskBytes)} in the end)`);
  return lines;
}
