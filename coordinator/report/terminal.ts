// What a run looks like in a terminal: a live line while it computes, a line an epoch, and the final block. The live line and
// colours only where there is a terminal to show them.
import type { DataProgress } from "../../data/mod.ts";
import { formatBytes, formatSeconds } from "../../shared/cli/format.ts";
import { kerasLayers, parameterCount } from "../../shared/model.ts";
import { describeFaults, describePosition, type EpochRecord } from "../events/mod.ts";
import { chanceAccuracy, describeCompression, describeIdentity, type Report } from "./report.ts";
import type { Reporter, RunFacts } from "./reporter.ts";
import type { StepProgress } from "../experiment/mod.ts";

/** Where text goes and what it may look like. */
export interface TerminalOptions {
  /** Writes a line to stdout. */
  print(line: string): void;
  readonly progress: ProgressLine;
  readonly colour: boolean;
  /** Only the final block. */
  readonly quiet: boolean;
  readonly verbose: boolean;
}

/** One line of stderr that is rewritten; silent where stderr is no terminal. */
export class ProgressLine {
  readonly #write: (text: string) => void;
  readonly #live: boolean;
  #shown = false;
  #last = 0;

  constructor(write: (text: string) => void, live: boolean) {
    this.#write = write;
    this.#live = live;
  }

  /** Shows a text, at most ten times a second. */
  show(text: string): void {
    const now = performance.now();
    if (!this.#live || (this.#shown && now - this.#last < 100)) return;
    this.#write(`\r\x1b[2K${text}`);
    this.#shown = true;
    this.#last = now;
  }

  /** Takes the line away, so that other lines can be printed. */
  clear(): void {
    if (this.#shown) this.#write("\r\x1b[2K");
    this.#shown = false;
  }
}

/** When the run as a whole will take longer than this, it is said after the first step. */
const LONG_RUN_SECONDS = 3600;
const SHORT_RUN_SECONDS = 600;

/** Tells people. */
export class TerminalReporter implements Reporter {
  readonly #options: TerminalOptions;
  #facts: RunFacts | undefined;
  #started = 0;
  #dataStarted: number | undefined;
  #dataFile: string | undefined;
  #finishedEpochs = 0;
  /** Epochs that a resumed run had done at its start, with the part of the last one. */
  #doneBefore = 0;
  #estimated = false;

  constructor(options: TerminalOptions) {
    this.#options = options;
  }

  notice(text: string): void {
    this.#print(this.#paint("33", text), true);
  }

  detail(text: string): void {
    if (this.#options.verbose) this.#print(text);
  }

  dataProgress({ phase, done, total, unit, file }: DataProgress): void {
    if (this.#options.quiet) return;
    const now = performance.now();
    if (this.#dataStarted === undefined || file !== this.#dataFile) this.#dataStarted = now;
    this.#dataFile = file;
    const eta = (now - this.#dataStarted) / 1000 * (total - done) / Math.max(done, 1);
    const verb = { download: "Fetching", decode: "Decoding", draw: "Drawing" }[phase];
    const amount = unit === "bytes" ? `${formatBytes(done)} of ${formatBytes(total)}` : `${done} of ${total} images`;
    this.#options.progress.show(`${verb}${file ? ` ${file}` : ""}: ${amount}, ETA ${formatSeconds(eta)}`);
  }

  dataset: Reporter["dataset"] = (info, { limit }) => {
    const shape = `${info.imageSize}×${info.imageSize}×${info.channels}`;
    const counts = Object.entries(info.classCounts).map(([name, [train, test]]) => `${name} ${train} + ${test}`).join(
      ", ",
    );
    this.#print(`Data    ${info.name}: ${info.train} training and ${info.test} test images of ${shape} (${counts})`);
    this.#print(
      `        sha256 ${info.sha256.slice(0, 16)}…${limit === null ? "" : `; --limit takes ${limit} of them`}`,
    );
  };

  started(facts: RunFacts): void {
    this.#facts = facts;
    this.#started = performance.now();
    if (!this.#options.quiet) summaryTable(facts).forEach((line) => this.#print(line));
    this.#print(
      `Arms    ${facts.arms.join(", ")}; each from initial weights ${facts.initialWeightsSha256.slice(0, 16)}…`,
    );
    this.#print(`Folder  ${facts.folder}`);
    const { resumedAt, finishedEpochs } = facts;
    if (resumedAt === undefined) return;
    this.#print(`Resumed at ${describePosition(resumedAt, [resumedAt.key.seed])}`);
    this.#finishedEpochs = finishedEpochs;
    this.#doneBefore = finishedEpochs + resumedAt.step / resumedAt.steps;
    this.#estimated = true; // a --limit cannot be chosen any more
  }

  member: Reporter["member"] = (what, member, reason) => {
    const { id, pid, host, engine, adapter, fingerprint } = member;
    const where = `pid ${pid}${host ? ` on ${host}` : ""}`;
    if (what === "ready") {
      this.#print(`Worker  ${id} (${where}): ${engine} on ${adapter}, fingerprint ${fingerprint.slice(0, 16)}…`);
    }
    if (what === "lost") this.notice(`Worker  ${id} (${where}) is gone: ${reason}`);
    if (what === "joined") this.detail(`Worker  ${id} (${where}) has joined`);
  };

  step(progress: Parameters<Reporter["step"]>[0]): void {
    this.#sayIfLong(progress);
    if (this.#options.quiet) return;
    const { arm, epoch, step, steps, metrics, images, seconds } = progress;
    const epochs = this.#facts?.epochs ?? epoch;
    this.#options.progress.show(
      `${arm} epoch ${epoch}/${epochs} step ${step}/${steps}  loss ${metrics.loss.toFixed(4)}  accuracy ${
        metrics.accuracy.toFixed(4)
      }  ${(images / seconds).toFixed(1)} images/s  ETA ${formatSeconds(this.#eta(step / steps))}`,
    );
  }

  epoch(arm: string, record: EpochRecord): void {
    this.#finishedEpochs++;
    const { epoch, loss, accuracy, testLoss, testAccuracy, seconds, imagesPerSecond } = record;
    const epochs = this.#facts?.epochs ?? epoch;
    this.#print(
      `${arm.padEnd(6)} epoch ${String(epoch).padStart(String(epochs).length)}/${epochs}  loss ${
        loss.toFixed(4)
      }  accuracy ${accuracy.toFixed(4)}  test loss ${testLoss.toFixed(4)}  test accuracy ${testAccuracy.toFixed(4)}  ${
        seconds.toFixed(1)
      } s  ${imagesPerSecond.toFixed(1)} images/s  ETA ${formatSeconds(this.#eta(0))}`,
    );
  }

  finished(report: Report, folder: string): void {
    this.#options.progress.clear();
    for (const line of finalBlock(report)) this.#options.print(this.#emphasize(line));
    this.#options.print(`\nReport: ${folder}/report.html`);
  }

  /** After the first step: a run of over an hour says so, and the --limit that would take ten minutes. */
  #sayIfLong({ images, seconds }: StepProgress): void {
    if (this.#estimated || this.#facts === undefined) return;
    this.#estimated = true;
    const { arms, epochs, trainImages } = this.#facts;
    const perEpoch = seconds / images * trainImages;
    const whole = perEpoch * epochs * arms.length;
    if (whole < LONG_RUN_SECONDS) return;
    const limit = Math.max(2, Math.floor(trainImages * SHORT_RUN_SECONDS / whole));
    this.notice(`At this speed the run takes about ${formatSeconds(whole)}; --limit ${limit} would take ten minutes`);
  }

  /** Seconds left, if the rest goes on as the run did so far; `part` of the current epoch is done. */
  #eta(part: number): number {
    const all = (this.#facts?.arms.length ?? 1) * (this.#facts?.epochs ?? 1);
    const done = this.#finishedEpochs + part;
    return (performance.now() - this.#started) / 1000 * (all - done) / (done - this.#doneBefore);
  }

  #print(line: string, always = false): void {
    if (this.#options.quiet && !always) return;
    this.#options.progress.clear();
    this.#options.print(line);
  }

  #paint(code: string, text: string): string {
    return this.#options.colour ? `\x1b[${code}m${text}\x1b[0m` : text;
  }

  #emphasize(line: string): string {
    return /^(Not using|Using|Difference)/.test(line) ? this.#paint("1", line) : line;
  }
}

const ARM_TITLES: Readonly<Record<string, string>> = {
  "no-gc": "Not using Gradient Centralization",
  gc: "Using Gradient Centralization",
  "gc-update": "Using Gradient Centralization of the update",
};

/** The result as the original example prints it, with test figures, chance and the differences. */
export function finalBlock(report: Report): string[] {
  const lines: string[] = [];
  if (report.dataset.fallback) lines.push("", "PROCEDURAL DATA: THE REAL IMAGES COULD NOT BE FETCHED");
  const chance = (split: "train" | "test") => `(chance ${chanceAccuracy(report.dataset.classes, split).toFixed(4)})`;
  for (const { arm, epochs, trainSeconds, weightsSha256 } of report.arms) {
    const last = epochs.at(-1);
    if (last === undefined) continue;
    lines.push(
      "",
      ARM_TITLES[arm] ?? arm,
      `  Loss: ${last.loss.toFixed(6)}`,
      `  Accuracy: ${last.accuracy.toFixed(6)} ${chance("train")}`,
      `  Training Time: ${trainSeconds.toFixed(2)} s`,
      `  Test loss: ${last.testLoss.toFixed(6)}`,
      `  Test accuracy: ${last.testAccuracy.toFixed(6)} ${chance("test")}`,
      `  Weights: ${weightsSha256}`,
    );
  }
  const others = new Set(report.comparison.map(({ arm }) => arm));
  for (const arm of others) {
    const entries = report.comparison.filter((entry) => entry.arm === arm);
    lines.push("", `Difference (${arm} − ${entries[0]!.baseline})`);
    for (const { metric, meanDifference, verdict } of entries) {
      lines.push(`  ${metric}: ${meanDifference >= 0 ? "+" : ""}${meanDifference.toFixed(6)}  ${verdict}`);
    }
  }
  const faults = describeFaults(report.faults);
  if (faults !== "") lines.push("", `Faults mended: ${faults}.`);
  const wire = [describeCompression(report), describeIdentity(report)].filter((line) => line !== "");
  if (wire.length > 0) lines.push("", ...wire);
  if (!report.complete) lines.push("", "This run was broken off.");
  return lines;
}

function summaryTable({ modelName, model }: RunFacts): string[] {
  const rows = kerasLayers(model).map(({ name, outputShape, parameters }) => [
    name,
    `(None, ${outputShape.join(", ")})`,
    parameters.toLocaleString("en"),
  ]);
  const head = ["Layer", "Output shape", "Param #"];
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const format = (row: readonly string[]) =>
    `  ${row[0]!.padEnd(widths[0]!)}  ${row[1]!.padEnd(widths[1]!)}  ${row[2]!.padStart(widths[2]!)}`;
  const rule = `  ${"─".repeat(widths[0]! + widths[1]! + widths[2]! + 4)}`;
  const total = parameterCount(model).toLocaleString("en");
  return [`Model   ${modelName}`, format(head), rule, ...rows.map(format), rule, `  Total params: ${total}`];
}
