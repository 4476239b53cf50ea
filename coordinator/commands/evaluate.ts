// `deno task evaluate`: a saved model on test images, computed as training's test pass is.
import {
  dataEnvironment,
  dataFlags,
  limitSplit,
  PackedDataset,
  progressLines,
  sampleNames,
  thumbnail,
} from "../../data/mod.ts";
import { type Command, command, commonFlags, type Surroundings } from "../../shared/cli/command.ts";
import { about, text, toggle, type Values } from "../../shared/cli/flags.ts";
import { interruptible } from "../../shared/cli/interruptible.ts";
import { shellWord } from "../../shared/cli/stored_flags.ts";
import { HerdError } from "../../shared/errors.ts";
import { allFinite } from "../../shared/sums.ts";
import { EventBus } from "../events/mod.ts";
import {
  contactSheet,
  type Evaluation,
  evaluationLines,
  evaluationOf,
  readSavedModel,
  type SavedModel,
} from "../inference/mod.ts";
import { writePicture } from "../storage/mod.ts";
import { withLocalWorkers } from "./computing.ts";
import { computingFlags, describeModel, modelFlags } from "./model_flags.ts";
import { loadData, type RunData } from "./run_data.ts";
import type { TrainParts } from "./run_options.ts";
import { withTemporaryFolder } from "./temporary_folder.ts";

const flags = {
  ...modelFlags,
  ...about("data", {
    data: text("SET", "as train takes it, with the same classes: its test images [those of the run]", undefined),
    "skip-unreadable": dataFlags["skip-unreadable"],
  }),
  ...about("leaves", {
    page: text("FILE", "write the most wrong images as a page (HTML) into this file", undefined),
  }),
  ...about("tells", {
    json: toggle("the figures and the answer to each image as one JSON object instead of text"),
  }),
  ...computingFlags,
  ...commonFlags,
};

/** Test images, and what they are. */
interface TestImages {
  readonly data: RunData;
  /** Of the images that are evaluated, in order. */
  readonly ids: Uint32Array;
  readonly labels: Uint8Array;
  /** As the data was resolved by it. */
  readonly validationSplit: number | undefined;
  /** For people: "the run's 256 test images (procedural)". */
  readonly description: string;
}

/** The command that evaluates a model. */
export function evaluateCommand(parts: TrainParts): Command {
  return command({
    summary: "Evaluate a trained model on test images",
    usage: "[flags]",
    examples: [
      ["evaluate", "the best model of the newest run, on the run's own test images"],
      ["evaluate --run runs/A --arm gc --data photos --page wrong.html", "on other images, with the most wrong ones"],
    ],
    flags,
    async run({ values }, surroundings) {
      await interruptible(async (signal) => {
        try {
          await evaluate(parts, { values, surroundings, signal });
        } finally {
          surroundings.progress.clear();
        }
      });
    },
  });
}

async function evaluate(
  parts: TrainParts,
  { values, surroundings, signal }: {
    readonly values: Values<typeof flags>;
    readonly surroundings: Surroundings;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { print, progress } = surroundings;
  const model = await readSavedModel(values);
  const environment = dataEnvironment(surroundings.environment);
  const images = await testImages(model, { values, surroundings, signal });
  const { data, ids, labels, validationSplit, description } = images;
  const config = { ...model.numeric.compute, dataset: data.info.sha256 };
  const leaves = Math.ceil(ids.length / config.microBatch);
  let done = 0;
  const predictions = await withTemporaryFolder((logDir) =>
    withLocalWorkers(
      {
        parts,
        ...values,
        busy: leaves,
        environment,
        config,
        path: data.path,
        logDir,
        onNotice: surroundings.complain,
        onLeaf: () => progress.show(`Evaluating: ${Math.round(100 * ++done / leaves)} % of ${ids.length} images`),
      },
      signal,
      async (cluster) => {
        await cluster.setWeights(model.weights);
        return await cluster.evaluate({ seed: 0, epoch: 1, ids });
      },
    )
  );
  progress.clear();
  if (!allFinite(predictions.losses)) {
    const what = `The loss of ${model.name} is not finite on ${description}`;
    throw new HerdError("divergence", `${what}: its weights are not fit for this data`);
  }
  const evaluation = evaluationOf(predictions, labels, model.classes);
  const names = await sampleNames(
    { data: dataOf(model, values.data), validationSplit, environment },
    data.info,
    "test",
  );
  const nameOf = (index: number) => names[ids[index]!]!;
  if (values.page !== undefined) {
    await writePicture(values.page, sheetOf(evaluation, { model, images, nameOf }));
  }
  if (values.json) return print(JSON.stringify(jsonOf(evaluation, { model, images, nameOf })));
  print(`Model     ${describeModel(model)}`);
  print(`Data      ${description}`);
  evaluationLines(evaluation).forEach((line) => print(line));
  if (values.page !== undefined) print(`\nMost wrong images: ${values.page}`);
}

/**
 * The run's own test images, or all test images of another set of the same classes; all images, where that set does not say
 * which are for testing.
 * @throws {HerdError} data, if there are none
 */
async function testImages(
  model: SavedModel,
  { values: { data: given, skipUnreadable }, surroundings: { environment, progress, complain }, signal }: {
    readonly values: Values<typeof flags>;
    readonly surroundings: Surroundings;
    readonly signal: AbortSignal;
  },
): Promise<TestImages> {
  const { numeric: { compute: { model: { imageSize }, dataset }, limit }, classes, told } = model;
  const named = dataOf(model, given);
  const bus = new EventBus();
  const lineOf = progressLines();
  using _ = bus.subscribe("The terminal", (event) => {
    if (event.type === "data") progress.show(lineOf(event.progress));
    if (event.type === "notice") complain(event.text);
  });
  const settings = { data: named, imageSize, skipUnreadable: skipUnreadable || told.skipUnreadable, limit: undefined };
  const load = (validationSplit: number | undefined) =>
    loadData({ ...settings, validationSplit }, { environment: dataEnvironment(environment), bus, signal });
  const toldSplit = told.validationSplit ?? undefined;
  const own = await load(toldSplit).catch((error) => {
    // What the run divided had no test images; a set that has some is another.
    if (given !== undefined && error instanceof HerdError && error.code === "usage") return undefined;
    throw error;
  });
  const isOwn = own?.info.sha256 === dataset;
  const data = own && (isOwn || given === undefined) ? own : await load(ALL);
  progress.clear();
  if (!isOwn && given === undefined) {
    const what = `The images of --data ${named} are not those that ${model.folder} was trained on`;
    throw new HerdError("data", `${what}: bring these back, or say by --data which images to use`);
  }
  if (data.info.classes.join("\n") !== classes.join("\n")) {
    const [there, here] = [data.info.classes, classes].map((names) => names.join(", "));
    throw new HerdError(
      "data",
      `--data ${named} has the classes ${there}, and the model knows ${here}: give such a set`,
    );
  }
  const ids = isOwn ? limitSplit(data.labels, limit).test : data.ids.test;
  const labels = Uint8Array.from(ids, (id) => data.labels.test[id]!);
  const whose = isOwn ? "the run's own" : "not those of the run";
  return {
    data,
    ids,
    labels,
    validationSplit: isOwn ? toldSplit : ALL,
    description: `${ids.length} test images of ${data.info.name}, ${whose}`,
  };
}

/** All images are for testing, where it is not said which are. */
const ALL = 1;

/** The words by which data sets are known; anything else is a path. */
const NAMES = ["auto", "horses-or-humans", "procedural"];

/**
 * What --data means. The run's folder may be somebody else's: no path is taken from it.
 * @throws {HerdError} usage, if it must be given
 */
function dataOf({ told, folder }: SavedModel, given: string | undefined): string {
  if (given !== undefined) return given;
  if (NAMES.includes(told.data)) return told.data;
  const again = `--data ${shellWord(told.data)}`;
  throw new HerdError("usage", `${folder} was trained with ${again}: give ${again} again, or another set`);
}

interface Shown {
  readonly model: SavedModel;
  readonly images: TestImages;
  nameOf(index: number): string;
}

function sheetOf(evaluation: Evaluation, { model, images: { data, ids, description }, nameOf }: Shown): string {
  using dataset = PackedDataset.open(data.path);
  const { imageSize } = data.info;
  const pictureOf = (index: number) => thumbnail(dataset.read("test", ids[index]!), imageSize, THUMBNAIL);
  return contactSheet(evaluation, { model: describeModel(model), data: description, nameOf, pictureOf });
}

/** Side of a picture in pixels: sharp on a page that shows it at half of that. */
const THUMBNAIL = 240;

function jsonOf({ answers, classes, ...figures }: Evaluation, { model, images, nameOf }: Shown): unknown {
  const { name: training, folder } = model;
  const { info: { name, sha256 } } = images.data;
  return {
    model: { run: folder, training },
    data: { name, sha256 },
    classes,
    ...figures,
    answers: answers.map(({ index, label, predicted, probabilities }) => ({
      file: nameOf(index),
      class: classes[label],
      predicted: classes[predicted],
      probabilities,
    })),
  };
}
