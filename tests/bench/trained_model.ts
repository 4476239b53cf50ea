// A model that a run has left, and the images that the run was tested on.
import { join } from "node:path";
import * as v from "valibot";
import { dataEnvironment, limitSplit, PackedDataset, resolveDataset, type Split } from "../../data/mod.ts";
import { HerdError, messageOf } from "../../shared/errors.ts";
import { type ModelSpec, parameterCount, parameterTable } from "../../shared/model.ts";
import { ComputeConfigSchema } from "../../shared/protocol.ts";
import { decodeSafetensors, type TensorFile } from "../../shared/safetensors.ts";
import type { Sample } from "../../worker/engine.ts";

/** A trained network and its data. */
export interface TrainedModel {
  readonly spec: ModelSpec;
  /** Flat float32 weights. */
  readonly weights: Float32Array;
  /** A split's images that the run took, or those that it would have taken with a smaller --limit. */
  images(split: Split, smaller?: number): readonly Sample[];
}

const schema = v.object({
  numeric: v.object({ compute: ComputeConfigSchema, limit: v.nullable(v.number()) }),
});

/**
 * Reads models/<key>/ of a run's folder, and opens the data set that the environment names.
 * @throws {HerdError} data, if the folder is no run's, or the data set is not the one that the run was trained on
 */
export async function readTrainedModel(folder: string): Promise<TrainedModel> {
  const { compute: { model: spec, dataset: trainedOn }, limit } = await readConfig(
    join(folder, "..", "..", "config.json"),
  );
  const { tensors } = decodeSafetensors(await read(join(folder, "weights.safetensors")));
  const weights = flatWeights(spec, tensors);
  const environment = dataEnvironment(Deno.env.toObject());
  const { path, info } = await resolveDataset({ data: "auto", imageSize: spec.imageSize, environment });
  if (info.sha256 !== trainedOn) {
    const [here, there] = [info.sha256.slice(0, 16), trainedOn.slice(0, 16)];
    const what = `The data set ${info.name} has SHA-256 ${here}…, and ${folder} was trained on ${there}…`;
    throw new HerdError("data", `${what}: name that one by HERD_DATA_DIR`);
  }
  const images = (split: Split, smaller = Infinity) => {
    using data = PackedDataset.open(path);
    const most = Math.min(limit ?? info.train, smaller);
    const ids = limitSplit(data, most < info.train ? most : null)[split];
    return Array.from(ids, (id) => ({ id, label: data.label(split, id), pixels: data.read(split, id) }));
  };
  return { spec, weights, images };
}

/** The flat weights of named tensors. @throws {HerdError} data, if one is missing or has another size */
export function flatWeights(spec: ModelSpec, tensors: TensorFile["tensors"]): Float32Array {
  const flat = new Float32Array(parameterCount(spec));
  for (const { name, offset, size } of parameterTable(spec)) {
    const data = tensors[name]?.data;
    if (!(data instanceof Float32Array) || data.length !== size) {
      throw new HerdError("data", `Tensor ${name} has ${data?.length ?? "no"} values and the model needs ${size}`);
    }
    flat.set(data, offset);
  }
  return flat;
}

async function readConfig(path: string): Promise<v.InferOutput<typeof schema>["numeric"]> {
  try {
    return v.parse(schema, JSON.parse(new TextDecoder().decode(await read(path)))).numeric;
  } catch (cause) {
    if (cause instanceof HerdError) throw cause;
    throw new HerdError("data", `${path} is not the config of a run: ${messageOf(cause)}`, { cause });
  }
}

async function read(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (cause) {
    const what = `Cannot read ${path} (${messageOf(cause)})`;
    throw new HerdError("data", `${what}: name a folder models/KEY of a run by --model`, { cause });
  }
}
