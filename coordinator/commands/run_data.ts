// The data of a run: the packed file, and which of its images the limit leaves.
import {
  type DataEnvironment,
  type DatasetInfo,
  limitSplit,
  type MadeImages,
  PackedDataset,
  resolveDataset,
  type Split,
} from "../../data/mod.ts";
import type { EventBus } from "../events/mod.ts";
import type { Settings } from "./settings.ts";

/** Where the images are, and which of them are used. */
export interface RunData {
  /** The packed file. */
  readonly path: string;
  readonly info: DatasetInfo;
  /** Class by sample id. */
  readonly labels: Readonly<Record<Split, Uint8Array>>;
  /** The samples that are used. */
  readonly ids: Readonly<Record<Split, Uint32Array>>;
}

/**
 * Finds the data set, fetched or packed anew where need be, and tells how far that is and what it found.
 * @throws {HerdError} data, or usage for a limit beyond the set; the signal's reason when aborted
 */
export async function loadData(
  { data, imageSize, validationSplit, skipUnreadable, limit: given }:
    & Pick<Settings, "data" | "imageSize" | "skipUnreadable" | "limit">
    & Partial<Pick<Settings, "validationSplit">>,
  { images, environment, bus, signal }: {
    /** What a program has made, instead of the data that the settings name. */
    readonly images?: MadeImages | undefined;
    readonly environment: DataEnvironment;
    readonly bus: EventBus;
    readonly signal: AbortSignal;
  },
): Promise<RunData> {
  const limit = given ?? null;
  const { path, info, fallback } = await resolveDataset({
    data,
    images,
    imageSize,
    validationSplit,
    skipUnreadable,
    environment,
    signal,
    onProgress: (progress) => bus.emit({ type: "data", progress }),
    onNotice: (text) => bus.emit({ type: "notice", text }),
  });
  using dataset = PackedDataset.open(path);
  const labels = { train: dataset.labels("train"), test: dataset.labels("test") };
  const ids = limitSplit(labels, limit);
  const test = { ids: [...ids.test], labels: Array.from(ids.test, (id) => labels.test[id]!) };
  const used = countClasses(info.classes, labels, ids);
  bus.emit({ type: "dataset", info, limit, fallback, test, used });
  const text = limit === null ? undefined : withoutImages(limit, info, used);
  if (text !== undefined) bus.emit({ type: "notice", text });
  return { path, info, labels, ids };
}

function countClasses(
  classes: readonly string[],
  labels: RunData["labels"],
  ids: RunData["ids"],
): Record<string, [train: number, test: number]> {
  const counts = classes.map((): [number, number] => [0, 0]);
  for (const id of ids.train) counts[labels.train[id]!]![0]++;
  for (const id of ids.test) counts[labels.test[id]!]![1]++;
  return Object.fromEntries(classes.map((name, label) => [name, counts[label]!]));
}

/** Names the classes of which a limit leaves nothing: they are not learned, or their AUC is not known. */
function withoutImages(
  limit: number,
  { classes, classCounts }: DatasetInfo,
  used: Record<string, readonly [train: number, test: number]>,
): string | undefined {
  const [train, test] = [0, 1].map((split) =>
    classes.filter((name) => used[name]![split] === 0 && classCounts[name]![split]! > 0).map((name) => `'${name}'`)
  );
  const parts = [
    ...train!.length > 0 ? [`no image to train on of ${train!.join(", ")}`] : [],
    ...test!.length > 0 ? [`no test image of ${test!.join(", ")}, so that no test AUC can be told`] : [],
  ];
  return parts.length === 0 ? undefined : `--limit ${limit} leaves ${parts.join(", and ")}: give a larger one`;
}
