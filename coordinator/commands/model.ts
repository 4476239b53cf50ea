// `deno task model`: a network as a table, with what it costs; and networks of Keras made into model files.
import { type Command, command, commonFlags } from "../../shared/cli/command.ts";
import { about, choice, number, text } from "../../shared/cli/flags.ts";
import { BACKENDS } from "../../shared/engine_names.ts";
import { HerdError } from "../../shared/errors.ts";
import { modelOf, refuseSmallImages } from "../../shared/model.ts";
import { refuseLargeModel } from "../../shared/model_cost.ts";
import { MOST } from "../../shared/protocol.ts";
import { summaryTable } from "../report/mod.ts";
import { convertKeras } from "./from_keras.ts";
import { describedModel, modelFlag, modelName } from "./model_choice.ts";
import type { TrainParts } from "./run_options.ts";
import { trainFlags } from "./settings.ts";

const flags = {
  "image-size": trainFlags["image-size"],
  ...about("data", {
    classes: number({ help: "of the data, on which the last layer depends", min: 2, max: MOST.width }, 2),
  }),
  "batch-size": trainFlags["batch-size"],
  "micro-batch": trainFlags["micro-batch"],
  ...about("workers", {
    backend: choice(BACKENDS, "engine whose memory is planned", "auto"),
  }),
  ...about("network", {
    "from-keras": text("FILE", "read a Sequential of Keras or TF.js: model.json, model.to_json() or .keras", undefined),
    to: text("FILE.json", "write it as a file that --model takes", undefined),
    weights: text("FILE", "write its weights as a file that train --init-weights takes", undefined),
  }),
  ...commonFlags,
};

/** The command that shows a network, or makes a model file of one of Keras. */
export function modelCommand(
  { chooseEngine, engineMemory }: Pick<TrainParts, "chooseEngine" | "engineMemory">,
): Command {
  return command({
    summary: "Show a network and what it costs, or read one of Keras",
    usage: "[NAME|FILE.json] [flags]",
    examples: [
      ["model keras-example --image-size 150", "its layers, what an image costs, and the memory of a worker"],
      ["model --from-keras model.json --to mine.json", "a network of Keras, as train --model mine.json takes it"],
    ],
    flags,
    most: 1,
    async run({ rest: [named], values }, { print }) {
      const { fromKeras, to, weights, imageSize, classes, microBatch, batchSize, backend } = values;
      if (fromKeras !== undefined) {
        if (named !== undefined) throw new HerdError("usage", `--from-keras and the model ${named}: give one of them`);
        const lines = await convertKeras(fromKeras, { to, weights });
        return lines.forEach((line) => print(line));
      }
      const missing = to !== undefined ? "--to" : weights !== undefined ? "--weights" : undefined;
      if (missing !== undefined) throw new HerdError("usage", `${missing} is for what --from-keras reads: give both`);
      const model = modelFlag.parse(named ?? modelFlag.fallback, "model");
      const description = await describedModel(model);
      refuseSmallImages(modelName(model), description, imageSize);
      const spec = modelOf(description, imageSize, classes);
      refuseLargeModel(modelName(model), spec);
      const { name: engine } = await chooseEngine(backend);
      const memory = await engineMemory(engine, { spec, microBatch, batchSize }) ?? null;
      for (const line of summaryTable({ name: modelName(model), model: spec, memory, engine })) print(line);
    },
  });
}
