// The images that a saved model is evaluated on.
import { dataEnvironment, limitSplit, progressLines, sampleNames } from "../../data/mod.ts";
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
  readonly validationSplit: number | undefined;
  readonly skipUnreadable: boolean;
}

/**
 * The run's own test images, or all test images of another set of the same classes.
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
  const { numeric: { compute: { model: { imageSize }, dataset }, limit }, classes, folder } = model;
  const environment = dataEnvironment(surroundings.environment);
  const settings = { ...settingsOf(model, given), imageSize, limit: undefined };
  const data = await load(settings, { environment, surroundings, signal });
  const isOwn = data.info.sha256 === dataset;
  if (!isOwn && given.data === undefined) {
    const what = `The images of --data ${settings.data} are not those that ${folder} was trained on`;
    throw new HerdError("data", `${what}: bring these back, or say by --data which images to use`);
  }
  if (data.info.classes.join("\n") !== classes.join("\n")) {
    const [there, here] = [data.info.classes, classes].map((names) => names.join(", "));
    const what = `--data ${settings.data} has the classes ${there}, and the model knows ${here}`;
    throw new HerdError("data", `${what}: give a set of these`);
  }
  const ids = isOwn ? limitSplit(data.labels, limit).test : data.ids.test;
  const names = await sampleNames({ ...settings, environment }, data.info, "test");
  return {
    data,
    ids,
    labels: Uint8Array.from(ids, (id) => data.labels.test[id]!),
    description: `${ids.length} test images of ${data.info.name}, ${isOwn ? "the run's own" : "not those of the run"}`,
    nameOf: (index) => names[ids[index]!]!,
  };
}

async function load(
  settings: Parameters<typeof loadData>[0],
  { environment, surroundings: { progress, complain }, signal }: {
    readonly environment: Parameters<typeof loadData>[1]["environment"];
    readonly surroundings: Pick<Surroundings, "progress" | "complain">;
    readonly signal: AbortSignal;
  },
): Promise<RunData> {
  const bus = new EventBus();
  const lineOf = progressLines();
  using _ = bus.subscribe("The terminal", (event) => {
    if (event.type === "data") progress.show(lineOf(event.progress));
    if (event.type === "notice") complain(event.text);
  });
  const data = await loadData(settings, { environment, bus, signal });
  progress.clear();
  return data;
}

/** The words by which data sets are known; anything else is a path. */
const NAMES = ["auto", "horses-or-humans", "procedural"];

/**
 * Which set, and how it is read: as the run did, where it is the run's. The run's folder may be somebody else's: no path is
 * taken from it.
 * @throws {HerdError} usage, if it must be given
 */
function settingsOf({ told, folder }: SavedModel, { data, validationSplit, skipUnreadable }: DataGiven) {
  if (data === undefined && !NAMES.includes(told.data)) {
    const again = `--data ${shellWord(told.data)}`;
    throw new HerdError("usage", `${folder} was trained with ${again}: give ${again} again, or another set`);
  }
  const isTold = data === undefined || data === told.data;
  return {
    data: data ?? told.data,
    validationSplit: validationSplit ?? (isTold ? told.validationSplit : undefined),
    skipUnreadable: skipUnreadable || (isTold && told.skipUnreadable),
  };
}
