// `deno task data`: fetches or draws a data set, shows it, and says on demand whether there is something to learn in it.
import { type Command, command, commonFlags, type Surroundings } from "../../shared/cli/command.ts";
import { about, text, toggle } from "../../shared/cli/flags.ts";
import { formatSeconds } from "../../shared/cli/format.ts";
import { interruptible } from "../../shared/cli/interruptible.ts";
import { HerdError } from "../../shared/errors.ts";
import { checkDataset } from "../check.ts";
import type { DataProgress } from "../dataset_info.ts";
import { cleanCache, describeCache } from "../clean.ts";
import { describeDataset, progressLines } from "../describe.ts";
import { dataEnvironment } from "../environment.ts";
import { exportDataset } from "../export.ts";
import { dataFlags } from "../flags.ts";
import { type DataEnvironment, resolveDataset } from "../resolve.ts";

const flags = {
  ...dataFlags,
  ...about("data", {
    check: toggle("exit 3 if mean colour separates the classes, or if the network does not"),
    clean: toggle("only bound the cache: what was not used for longest goes first"),
  }),
  ...about("leaves", { export: text("DIR", "write its images as PNG files into this new folder", undefined) }),
  ...commonFlags,
};

/** Where a short training is. */
export interface TrialStep {
  /** From 1. */
  readonly epoch: number;
  /** From 1, in its epoch. */
  readonly step: number;
  /** Of an epoch. */
  readonly steps: number;
  /** Of the epoch so far. */
  readonly accuracy: number;
}

/** A short training on a data set. */
export interface Trial {
  /** As --data. */
  readonly data: string;
  /** The part of each class that is kept for testing, if that was said. */
  readonly validationSplit: number | undefined;
  /** Whether to go on without the image files that cannot be read. */
  readonly skipUnreadable: boolean;
  /** Where data comes from and goes to. */
  readonly environment: DataEnvironment;
  /** The version of Herd. */
  readonly version: string;
  /** Hears of the packing of smaller images. */
  onData(progress: DataProgress): void;
  /** Hears of each step; the accuracy is that of the epoch so far. */
  onStep(step: TrialStep): void;
}

/** What the command needs of the coordinator. */
export interface DataParts {
  /** Trains for 20 epochs at 100 px; the accuracies are those of the last one. */
  learnability(
    trial: Trial,
    signal: AbortSignal,
  ): Promise<{ readonly accuracy: number; readonly testAccuracy: number }>;
}

const EPOCHS = 20;
/** A network that learns gets so much of the test images right. */
const LEARNT = 0.8;

/** The command that fetches or draws a data set and shows it. */
export function dataCommand(parts: DataParts): Command {
  return command({
    summary: "Fetch or make a data set, and show it",
    usage: "[flags]",
    examples: [
      ["data --data photos", "shows what a folder of images has in it, and packs it for training"],
      ["data --data procedural --check", "also tells whether it can be learnt, and not by colour alone"],
      ["data --data procedural --export photos", "writes the figures that Herd draws as PNG files, to try things with"],
    ],
    flags,
    async run({ values, given }, surroundings) {
      const { data, imageSize, validationSplit, skipUnreadable, check, clean, export: folder } = values;
      const { print, progress } = surroundings;
      const environment = dataEnvironment(surroundings.environment);
      if (clean) return cleanAlone(environment.cacheDir, given, print);
      const lineOf = progressLines();
      await interruptible(async (signal) => {
        const { path, info } = await resolveDataset({
          data,
          imageSize,
          validationSplit,
          skipUnreadable,
          environment,
          signal,
          onProgress: (one) => progress.show(lineOf(one)),
          onNotice: print,
        });
        progress.clear();
        for (const line of describeDataset(info, { limit: null })) print(line);
        print(`Cache   ${path}`);
        if (folder !== undefined) {
          await exportDataset(path, folder, { signal, onProgress: (one) => progress.show(lineOf(one)) });
          progress.clear();
          print(`Images  ${folder}: --data ${folder} takes them from there`);
        }
        if (check) {
          await checkData(parts, { data, validationSplit, skipUnreadable, path, environment, signal }, surroundings);
        }
      });
    },
  });
}

/** @throws {HerdError} usage, for flags that have nothing to do then; data, if something could not be read or removed */
function cleanAlone(cacheDir: string, given: ReadonlySet<string>, print: (line: string) => void): void {
  const [other] = given.difference(new Set(["clean", "verbose"]));
  if (other !== undefined) throw new HerdError("usage", `--clean does nothing else: give it without --${other}`);
  const report = cleanCache(cacheDir);
  describeCache(report).forEach((line) => print(line));
  const [failure, ...more] = report.failures;
  if (failure === undefined) return;
  const others = more.length === 0 ? "" : ` and ${more.length} more`;
  throw new HerdError("data", `${failure}${others}: make the cache yours, or set HERD_CACHE_DIR to another directory`);
}

/** Whether mean colour separates the classes (it should not) and whether the network does (it should). */
async function checkData(
  { learnability }: DataParts,
  { data, validationSplit, skipUnreadable, path, environment, signal }: {
    readonly data: string;
    readonly validationSplit: number | undefined;
    readonly skipUnreadable: boolean;
    readonly path: string;
    readonly environment: DataEnvironment;
    readonly signal: AbortSignal;
  },
  { print, progress, version }: Surroundings,
): Promise<void> {
  progress.show("Colour  looking at every image");
  const { meanColourAccuracy, separatesByColour } = checkDataset(path);
  const colour = separatesByColour ? "IT TELLS THE CLASSES APART" : "it does not separate the classes";
  progress.clear();
  print(`Colour  logistic regression on mean colour: test accuracy ${meanColourAccuracy.toFixed(4)}; ${colour}`);
  progress.show("Network starting workers");
  const lineOf = progressLines();
  const trial = { data, validationSplit, skipUnreadable, environment, version, onStep: showSteps(progress) };
  const { accuracy, testAccuracy } = await learnability({
    ...trial,
    onData: (one) => progress.show(lineOf(one)),
  }, signal);
  progress.clear();
  const isLearnt = testAccuracy >= LEARNT;
  const figures = `accuracy ${accuracy.toFixed(4)}, test accuracy ${testAccuracy.toFixed(4)}`;
  print(`Network ${EPOCHS} epochs at 100 px: ${figures}; ${isLearnt ? "it learns them" : "IT DOES NOT LEARN THEM"}`);
  if (!separatesByColour && isLearnt) return;
  const faults = [
    ...separatesByColour ? ["mean colour alone tells its classes apart"] : [],
    ...isLearnt ? [] : ["the network does not learn it"],
  ];
  throw new HerdError("data", `The data set ${data} is unfit for the experiment: ${faults.join(", and ")}`);
}

/** A live line of a trial's steps; the time left follows from the steps after the first. */
function showSteps(progress: Surroundings["progress"]): Trial["onStep"] {
  let first: { readonly at: number; readonly done: number } | undefined;
  return ({ epoch, step, steps, accuracy }) => {
    const done = epoch - 1 + step / steps;
    first ??= { at: performance.now(), done };
    const seconds = (performance.now() - first.at) / 1000 * (EPOCHS - done) / (done - first.done);
    const left = `ETA ${formatSeconds(seconds)}`;
    progress.show(`Network epoch ${epoch}/${EPOCHS}  accuracy ${accuracy.toFixed(4)}  ${left}`);
  };
}
