// A data set, and how far its making is, in words.
import { formatBytes, formatSeconds } from "../shared/cli/format.ts";
import type { DataProgress, DatasetInfo, Duplicates, Skipped } from "./dataset_info.ts";

const VERBS: Readonly<Record<DataProgress["phase"], string>> = {
  download: "Fetching",
  decode: "Decoding",
  draw: "Drawing",
  export: "Writing",
};

/** So many names are told; the others are counted. */
const MOST_NAMES = 10;
/** So many pairs of duplicates are told. */
const MOST_PAIRS = 3;

/**
 * Lines: size, shape and classes; hash and limit; what was left out, if anything was.
 * @param options the number of training images that a run takes, or null for all
 */
export function describeDataset(info: DatasetInfo, { limit }: { readonly limit: number | null }): string[] {
  const { name, classes, imageSize, channels, train, test, classCounts, sha256, skipped, duplicates } = info;
  const shape = `${imageSize}×${imageSize}×${channels}`;
  const counts = classes.map((name) => `${name} ${classCounts[name]!.join(" + ")}`).join(", ");
  return [
    `Data    ${name}: ${train} training and ${test} test images of ${shape} (${counts})`,
    `        sha256 ${sha256.slice(0, 16)}…${limit === null ? "" : `; --limit takes ${limit} of them`}`,
    ...[describeSkipped(skipped), ...describeDuplicates(duplicates)].filter(Boolean).map((line) => `        ${line}`),
  ];
}

/** Which images were left out and how many, in a sentence; "" if none were. */
export function describeSkipped({ count, files }: Skipped): string {
  if (count === 0) return "";
  const names = files.slice(0, MOST_NAMES);
  const more = count > names.length ? ` and ${count - names.length} more` : "";
  return `Left out as unreadable: ${count} image${count === 1 ? "" : "s"} (${names.join(", ")}${more}).`;
}

/** What is there more than once, a sentence each for across the splits and within them; none if nothing is. */
export function describeDuplicates(duplicates: Duplicates | undefined): string[] {
  if (duplicates === undefined) return [];
  const { across, files, within } = duplicates;
  const names = files.slice(0, MOST_PAIRS).map(({ train, test }) => `${test} is ${train}`);
  const more = across > names.length ? ` and ${across - names.length} more` : "";
  const repeated = within.train + within.test;
  return [
    ...across === 0 ? [] : [
      `THE TEST SET IS NOT INDEPENDENT: ${images(across, "test image")} ${
        across === 1 ? "is" : "are"
      } in the training set ` +
      `(${names.join(", ")}${more}): remove them.`,
    ],
    ...repeated === 0 ? [] : [
      `Repeated within their split: ${images(within.train, "training image")} and ${
        images(within.test, "test image")
      }.`,
    ],
  ];
}

function images(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/**
 * One line: what is done, how much of it, and the time left.
 * @param pace what is left, in seconds, and how much of it is done in one; NaN while that is not known
 */
export function describeProgress(
  { phase, done, total, unit, file }: DataProgress,
  { etaSeconds, rate }: { readonly etaSeconds: number; readonly rate: number },
): string {
  const amount = unit === "bytes"
    ? `${formatBytes(done)} of ${formatBytes(total)}${rate > 0 ? `, ${formatBytes(rate)}/s` : ""}`
    : `${done} of ${total} images${rate > 0 ? `, ${rate < 10 ? rate.toFixed(1) : Math.round(rate)} images/s` : ""}`;
  return `${VERBS[phase]}${file ? ` ${file}` : ""}: ${amount}, ETA ${formatSeconds(etaSeconds)}`;
}

/** Makes lines of progress as it is told. Rate and time left follow from what the present phase took so far. */
export function progressLines(clock = () => performance.now()): (progress: DataProgress) => string {
  let what: string | undefined;
  let started = { at: clock(), done: 0 };
  return (progress) => {
    const { phase, done, total, file } = progress;
    // Each download may have another server, and some of it may be there already; an image takes as long as another one.
    const now = phase === "download" ? `${phase} ${file}` : phase;
    if (now !== what) started = { at: clock(), done };
    what = now;
    const seconds = (clock() - started.at) / 1000;
    const rate = seconds > 0 ? (done - started.done) / seconds : NaN;
    return describeProgress(progress, { etaSeconds: (total - done) / rate, rate });
  };
}
