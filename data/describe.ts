// A data set, and how far its making is, in words.
import { formatBytes, formatSeconds } from "../shared/cli/format.ts";
import type { DataProgress, DatasetInfo, Skipped } from "./dataset_info.ts";

const VERBS: Readonly<Record<DataProgress["phase"], string>> = {
  download: "Fetching",
  decode: "Decoding",
  draw: "Drawing",
};

/** So many names are told; the others are counted. */
const MOST_NAMES = 10;

/**
 * Lines: size, shape and classes; hash and limit; what was left out, if anything was.
 * @param options the number of training images that a run takes, or null for all
 */
export function describeDataset(info: DatasetInfo, { limit }: { readonly limit: number | null }): string[] {
  const { name, classes, imageSize, channels, train, test, classCounts, sha256, skipped } = info;
  const shape = `${imageSize}×${imageSize}×${channels}`;
  const counts = classes.map((name) => `${name} ${classCounts[name]!.join(" + ")}`).join(", ");
  return [
    `Data    ${name}: ${train} training and ${test} test images of ${shape} (${counts})`,
    `        sha256 ${sha256.slice(0, 16)}…${limit === null ? "" : `; --limit takes ${limit} of them`}`,
    ...skipped.count === 0 ? [] : [`        ${describeSkipped(skipped)}`],
  ];
}

/** Which images were left out and how many, in a sentence; "" if none were. */
export function describeSkipped({ count, files }: Skipped): string {
  if (count === 0) return "";
  const names = files.slice(0, MOST_NAMES);
  const more = count > names.length ? ` and ${count - names.length} more` : "";
  return `Left out as unreadable: ${count} image${count === 1 ? "" : "s"} (${names.join(", ")}${more}).`;
}

/**
 * One line: what is done, how much of it, and the time left.
 * @param etaSeconds what is left, in seconds; NaN while it is not known
 */
export function describeProgress({ phase, done, total, unit, file }: DataProgress, etaSeconds: number): string {
  const amount = unit === "bytes" ? `${formatBytes(done)} of ${formatBytes(total)}` : `${done} of ${total} images`;
  return `${VERBS[phase]}${file ? ` ${file}` : ""}: ${amount}, ETA ${formatSeconds(etaSeconds)}`;
}

/** Makes lines of progress as it is told; the time left is that of the present file, from what it took so far. */
export function progressLines(): (progress: DataProgress) => string {
  let file: string | undefined;
  let started = performance.now();
  return (progress) => {
    if (progress.file !== file) started = performance.now();
    file = progress.file;
    const { done, total } = progress;
    return describeProgress(progress, (performance.now() - started) / 1000 * (total - done) / Math.max(done, 1));
  };
}
