// The images that a saved model is evaluated on.
import { type DataEnvironment, dataEnvironment, limitSplit, progressLines, sampleNames } from "../../data/mod.ts";
import type { Surroundings } from "../../shared/cli/command.ts";
import { shellWord } from "../../shared/cli/stored_flags.ts";
import { HerdError } from "../../shared/errors.ts";
import { EventBus } from "../events/mod.ts";
import type { SavedModel } from "../inference/mod.ts";
import { loadData, type RunData } from "./run_data.ts";

/** Test images, and what they are. */
export interface TestImages {
  readonly data: RunData;
  /** Of the images that are evaluated, in order. */
  readonly ids: Uint32Array;
  readonly labels: Uint8Array;
  /** For people: "256 test images of procedural, the run's own". */
  readonly description: string;
  /** What the image at an index is called. */
  nameOf(index: number): string;
}

/** What is given of the data: by default it is that of the run. */
interface DataGiven {
  readonly data: string | undefined;
  readonly skipUnreadable: boolean;
}

/** All images are for testing, where it is not said which are. */
const ALL = 1;

/**
 * The run's own test images, or all test images of another set of the same classes; all images, where that set does not say
 * which are for testing.
 * @throws {HerdError} usage, if the set must be named; data, if there is none such
 */
export async function testImages(
  model: SavedModel,
  { given, surroundings, signal }: {
    readonly given: DataGiven;
    readonly surroundings: Pick<Surroundings, "environment" | "progress" | "complain">;
    readonly signal: AbortSignal;
  },
): Promise<TestImages> {
  const { numeric: { compute: { model: { imageSize }, dataset }, limit }, classes, folder, told } = model;
  const named = given.data ?? ownData(model);
  const environment = dataEnvironment(surroundings.environment);
  const settings = {
    data: named,
    imageSize,
    skipUnreadable: given.skipUnreadable || told.skipUnreadable,
    limit: undefined,
  };
  const { progress, complain } = surroundings;
  const load = (validationSplit: number | undefined, onNotice = complain) =>
    loadShown({ ...settings, validationSplit }, { environment, progress, onNotice, signal });
  const notices: string[] = [];
  const own = await load(told.validationSplit, (text) => void notices.push(text)).catch((error) => {
    // What cannot be divided as the run's data was is another set: what else is wrong with it, reading all of it tells.
    if (given.data !== undefined && error instanceof HerdError) return undefined;
    throw error;
  });
  const isOwn = own?.info.sha256 === dataset;
  if (isOwn) notices.forEach((text) => complain(text));
  if (!isOwn && given.data === undefined) {
    const what = `The images of --data ${named} are not those that ${folder} was trained on`;
    throw new HerdError("data", `${what}: bring these back, or say by --data which images to use`);
  }
  const data = isOwn ? own : await load(ALL);
  if (data.info.classes.join("\n") !== classes.join("\n")) {
    const [there, here] = [data.info.classes, classes].map((names) => names.join(", "));
    throw new HerdError(
      "data",
      `--data ${named} has the classes ${there}, and the model knows ${here}: give such a set`,
    );
  }
  const ids = isOwn ? limitSplit(data.labels, limit).test : data.ids.test;
  const validationSplit = isOwn ? told.validationSplit : ALL;
  const names = await sampleNames({ data: named, validationSplit, environment }, data.info, "test");
  return {
    data,
    ids,
    labels: Uint8Array.from(ids, (id) => data.labels.test[id]!),
    description: `${ids.length} test images of ${data.info.name}, ${isOwn ? "the run's own" : "not those of the run"}`,
    nameOf: (index) => names[ids[index]!]!,
  };
}

/** Loads data and says how far that is. */
async function loadShown(
  settings: Parameters<typeof loadData>[0],
  { environment, progress, onNotice, signal }: {
    readonly environment: DataEnvironment;
    readonly progress: Surroundings["progress"];
    onNotice(text: string): void;
    readonly signal: AbortSignal;
  },
): Promise<RunData> {
  const bus = new EventBus();
  const lineOf = progressLines();
  using _ = bus.subscribe("The terminal", (event) => {
    if (event.type === "data") progress.show(lineOf(event.progress));
    if (event.type === "notice") onNotice(event.text);
  });
  const data = await loadData(settings, { environment, bus, signal });
  progress.clear();
  return data;
}

/** The words by which data sets are known; anything else is a path. */
const NAMES = ["auto", "horses-or-humans", "procedural"];

/**
 * The run's --data. Its folder may be somebody else's: no path is taken from it.
 * @throws {HerdError} usage, if it must be given
 */
function ownData({ told, folder }: SavedModel): string {
  if (NAMES.includes(told.data)) return told.data;
  const again = `--data ${shellWord(told.data)}`;
  throw new HerdError("usage", `${folder} was trained with ${again}: give ${again} again, or another set`);
}
