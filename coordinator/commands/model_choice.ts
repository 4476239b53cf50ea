// --model: a network that is built in, or one that a file describes. What counts of a file is what it says, not where it is.
import { basename } from "node:path";
import { choice, type Flag } from "../../shared/cli/flags.ts";
import { canonicalJson } from "../../shared/config.ts";
import { HerdError } from "../../shared/errors.ts";
import {
  BUILT_IN,
  descriptionOf,
  MODEL_NAMES,
  type ModelDescription,
  modelOf,
  type ModelSpec,
  refuseSmallImages,
} from "../../shared/model.ts";
import { isModelFile, readModelFile } from "../../shared/model_file.ts";
import { readRunConfig } from "../storage/mod.ts";

const named = choice([...MODEL_NAMES, "FILE.json"], "network: built in, or as a file describes it", "keras-example");

/** A name, or the path of a file. */
export const modelFlag: Flag<string> = {
  ...named,
  parse: (given, name) => isModelFile(given) ? given : named.parse(given, name),
};

/**
 * The network that --model names.
 * @throws {HerdError} usage, for a file that cannot be read or describes none
 */
export async function describedModel(model: string): Promise<ModelDescription> {
  return Object.entries(BUILT_IN).find(([name]) => name === model)?.[1] ?? await readModelFile(model);
}

/**
 * The network of a run, on images that are large enough. A resumed one has its own in config.json: the file may be gone, and a
 * path that a folder names is not opened.
 * @throws {HerdError} usage, for a file that describes none, or images that are too small; data, if the run to be resumed
 * cannot be read
 */
export async function modelOfRun(
  { model, resume, imageSize }: {
    readonly model: string;
    readonly resume: string | undefined;
    readonly imageSize: number;
  },
): Promise<ModelDescription> {
  const description = resume !== undefined && isModelFile(model)
    ? descriptionOf((await readRunConfig(resume)).numeric.compute.model)
    : await describedModel(model);
  refuseSmallImages(modelName(model), description, imageSize);
  return description;
}

/** What reports call it: a built-in model's name, or the file's without its folder. */
export function modelName(model: string): string {
  return isModelFile(model) ? basename(model, ".json") : model;
}

/**
 * A file that is given again may be elsewhere now, but must describe the same network.
 * @param spec of the run
 * @param folder the run's
 * @throws {HerdError} usage, if it does not
 */
export async function refuseOtherModel(path: string, spec: ModelSpec, folder: string): Promise<void> {
  const given = descriptionOf(modelOf(await readModelFile(path), spec.imageSize, 2));
  if (canonicalJson(given) === canonicalJson(descriptionOf(spec))) return;
  const what = `--model ${path} does not describe the network that ${folder} began with`;
  throw new HerdError("usage", `${what}: leave it out, the run knows its own`);
}
