// `deno task model`: a network as a table, with what it costs.
import { type Command, command, commonFlags } from "../../shared/cli/command.ts";
import { choice, number } from "../../shared/cli/flags.ts";
import { BACKENDS } from "../../shared/engine_names.ts";
import { modelOf, refuseSmallImages } from "../../shared/model.ts";
import { refuseLargeModel } from "../../shared/model_cost.ts";
import { MOST } from "../../shared/protocol.ts";
import { summaryTable } from "../report/mod.ts";
import { describedModel, modelFlag, modelName } from "./model_choice.ts";
import type { TrainParts } from "./run_options.ts";
import { trainFlags } from "./settings.ts";

const flags = {
  "image-size": trainFlags["image-size"],
  classes: number({ help: "of the data, on which the last layer depends", min: 2, max: MOST.width }, 2),
  "batch-size": trainFlags["batch-size"],
  "micro-batch": trainFlags["micro-batch"],
  backend: choice(BACKENDS, "engine whose memory is planned", "auto"),
  ...commonFlags,
};

/** The command that shows a network. */
export function modelCommand(
  { chooseEngine, engineMemory }: Pick<TrainParts, "chooseEngine" | "engineMemory">,
): Command {
  return command({
    summary: "Show a network and what it costs",
    usage: "[NAME|FILE.json] [flags]",
    flags,
    most: 1,
    async run({ rest: [named], values }, { print }) {
      const { imageSize, classes, microBatch, batchSize, backend } = values;
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
