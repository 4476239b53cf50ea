// `deno task evaluate`: a saved model on test images, computed as training's test pass is.
import { dataEnvironment, dataFlags, PackedDataset, thumbnail } from "../../data/mod.ts";
import { type Command, command, commonFlags, type Surroundings } from "../../shared/cli/command.ts";
import { about, text, toggle, type Values } from "../../shared/cli/flags.ts";
import { interruptible } from "../../shared/cli/interruptible.ts";
import { HerdError } from "../../shared/errors.ts";
import { allFinite } from "../../shared/sums.ts";
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
import type { TrainParts } from "./run_options.ts";
import { withTemporaryFolder } from "./temporary_folder.ts";
import { type TestImages, testImages } from "./test_images.ts";

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
  const images = await testImages(model, { given: values, surroundings, signal });
  const { data, ids, labels, description } = images;
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
  if (values.page !== undefined) {
    await writePicture(values.page, sheetOf(evaluation, { model, images }));
  }
  if (values.json) return print(JSON.stringify(jsonOf(evaluation, { model, images })));
  print(`Model     ${describeModel(model)}`);
  print(`Data      ${description}`);
  evaluationLines(evaluation).forEach((line) => print(line));
  if (values.page === undefined) return;
  print("");
  print(`Most wrong images: ${values.page}`);
}

interface Shown {
  readonly model: SavedModel;
  readonly images: TestImages;
}

function sheetOf(evaluation: Evaluation, { model, images: { data, ids, description, nameOf } }: Shown): string {
  using dataset = PackedDataset.open(data.path);
  const { imageSize } = data.info;
  const pictureOf = (index: number) => thumbnail(dataset.read("test", ids[index]!), imageSize, THUMBNAIL);
  // Whoever is shown the page need not know where on this machine the files are.
  const shortName = (index: number) => nameOf(index).split(/[\\/]/).slice(-2).join("/");
  return contactSheet(evaluation, {
    model: describeModel(model),
    data: description,
    nameOf: shortName,
    pictureOf,
  });
}

/** Side of a picture in pixels: sharp on a page that shows it at half of that. */
const THUMBNAIL = 240;

function jsonOf({ answers, classes, ...figures }: Evaluation, { model, images }: Shown): unknown {
  const { name: training, folder } = model;
  const { info: { name, sha256 } } = images.data;
  return {
    model: { run: folder, training },
    data: { name, sha256 },
    classes,
    ...figures,
    answers: answers.map(({ index, label, predicted, probabilities }) => ({
      file: images.nameOf(index),
      class: classes[label],
      predicted: classes[predicted],
      probabilities,
    })),
  };
}
