// The weights of a Sequential, from the shards beside a TF.js model.json or out of a .keras file, as tensors by Herd's names.
import { dirname, isAbsolute, join } from "node:path";
import { unzipSync } from "fflate";
import * as v from "valibot";
import { HerdError, messageOf } from "../../shared/errors.ts";
import { MAX_FRAME_BYTES } from "../../shared/frames.ts";
import type { Parameter } from "../../shared/model.ts";
import type { Tensor } from "../../shared/safetensors.ts";
import { allFinite } from "../../shared/sums.ts";
import type { KerasNetwork } from "./keras_network.ts";

type Trained = KerasNetwork["trained"][number];
const PARTS = ["kernel", "bias"] as const;

/** A model that has been opened. */
export interface OpenedModel {
  /** Its topology and what is around it. */
  readonly json: unknown;
  /**
   * Finds the tensor of a layer.
   * @param index among the layers of its kind
   */
  tensor?(layer: Trained & { readonly index: number }, part: (typeof PARTS)[number]): Promise<Tensor | undefined>;
}

/**
 * Opens a model.json or a .keras file.
 * @throws {HerdError} data, if it cannot be read
 */
export async function openKerasModel(path: string): Promise<OpenedModel> {
  if (path.endsWith(".h5")) {
    const load = path.endsWith(".weights.h5") ? "model.load_weights(FILE)" : "model = keras.models.load_model(FILE)";
    const python = `${load}; model.save("MODEL.keras")`;
    throw refusal(path, `is of a format that Herd does not read: make a .keras file of it in Python (${python})`);
  }
  try {
    if (!(await Deno.stat(path)).isFile) throw new Error("it is no file");
    if (path.endsWith(".keras")) return await openKerasFile(await Deno.readFile(path));
    const json: unknown = JSON.parse(await Deno.readTextFile(path));
    const manifest = v.safeParse(manifestSchema, json);
    return manifest.success ? { json, tensor: shardReader(path, manifest.output.weightsManifest) } : { json };
  } catch (cause) {
    throw refusal(path, `cannot be read (${messageOf(cause)}): give a model.json or a .keras file`, cause);
  }
}

/**
 * The weights of a model in the order of Herd's table.
 * @throws {HerdError} data, for one that is missing, of another shape or type, or not finite
 */
export async function readKerasWeights(
  path: string,
  { tensor }: OpenedModel,
  { trained }: KerasNetwork,
  table: readonly Parameter[],
): Promise<Record<string, Tensor>> {
  if (tensor === undefined) {
    throw refusal(path, "has no weights: leave --weights out, or give a .keras or a TF.js model");
  }
  const tensors: Record<string, Tensor> = {};
  const counts = { conv: 0, dense: 0 };
  for (const [i, layer] of trained.entries()) {
    const index = counts[layer.kind]++;
    for (const [j, part] of PARTS.entries()) {
      const { name, shape } = table[PARTS.length * i + j]!;
      const found = await tensor({ ...layer, index }, part);
      const its = found === undefined ? "none" : `[${found.shape}]`;
      if (found === undefined || !(found.data instanceof Float32Array) || its !== `[${shape}]`) {
        throw refusal(path, `has ${its} as ${part} of ${layer.name}, and its layers need float32 [${shape}]`);
      }
      if (!allFinite(found.data)) throw refusal(path, `has a ${part} of ${layer.name} that is not finite`);
      tensors[name] = found;
    }
  }
  return tensors;
}

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const manifestSchema = v.object({
  weightsManifest: v.array(v.object({
    paths: v.array(v.string()),
    weights: v.array(v.object({
      name: v.string(),
      shape: v.array(count),
      dtype: v.string(),
      quantization: v.optional(v.unknown()),
    })),
  })),
});
type Manifest = v.InferOutput<typeof manifestSchema>["weightsManifest"];

/** Reads the shards of a TF.js model when the first tensor is asked for. */
function shardReader(path: string, manifest: Manifest): NonNullable<OpenedModel["tensor"]> {
  let tensors: Promise<ReadonlyMap<string, Tensor>> | undefined;
  return async ({ name }, part) => {
    tensors ??= readShards(path, manifest);
    const suffix = `${name}/${part}`;
    for (const [its, tensor] of await tensors) if (its === suffix || its.endsWith(`/${suffix}`)) return tensor;
    return undefined;
  };
}

async function readShards(path: string, manifest: Manifest): Promise<ReadonlyMap<string, Tensor>> {
  const tensors = new Map<string, Tensor>();
  for (const { paths, weights } of manifest) {
    const bytes = await readAll(path, paths);
    let offset = 0;
    for (const { name, shape, dtype, quantization } of weights) {
      if (dtype !== "float32" || quantization !== undefined) {
        throw refusal(
          path,
          `has ${name} quantized or as ${dtype}, and Herd reads float32: convert it without quantization`,
        );
      }
      const end = offset + 4 * shape.reduce((a, b) => a * b, 1);
      if (end > bytes.length) {
        throw refusal(path, `names more weights than ${paths.join(", ")} hold: get the files again`);
      }
      tensors.set(name, { shape, data: new Float32Array(bytes.slice(offset, end).buffer) });
      offset = end;
    }
  }
  return tensors;
}

/** Files beside the model, one behind the other. A model may be somebody else's: its paths lead nowhere else. */
async function readAll(path: string, names: readonly string[]): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (const name of names) {
    if (isAbsolute(name) || name.split(/[\\/]/).includes("..")) {
      throw refusal(path, `names weights outside its folder (${name}): put them beside it`);
    }
    const file = join(dirname(path), name);
    try {
      const { isFile, size } = await Deno.lstat(file);
      if (!isFile || size > MAX_FRAME_BYTES) throw new Error(isFile ? `it has ${size} bytes` : "it is no file");
      parts.push(await Deno.readFile(file));
    } catch (cause) {
      throw refusal(
        path,
        `has its weights in ${file}, which cannot be read (${messageOf(cause)}): put it there`,
        cause,
      );
    }
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** A .keras file: a zip of the topology and of an HDF5 file, which names layers by class and number. */
async function openKerasFile(bytes: Uint8Array): Promise<OpenedModel> {
  const wanted = ["config.json", "model.weights.h5"];
  const files = unzipSync(bytes, {
    filter({ name, originalSize }) {
      if (!wanted.includes(name)) return false;
      if (originalSize > 2 * MAX_FRAME_BYTES) throw new Error(`its ${name} has ${originalSize} bytes`);
      return true;
    },
  });
  const [config, weights] = wanted.map((name) => files[name]);
  if (config === undefined || weights === undefined) throw new Error(`it is a zip without ${wanted.join(" and ")}`);
  const { default: hdf5 } = await import("h5wasm");
  const { FS } = await hdf5.ready;
  const name = "model.weights.h5";
  FS.writeFile(name, weights);
  const file = new hdf5.File(name, "r");
  return {
    json: JSON.parse(new TextDecoder().decode(config)),
    tensor({ kind, index }, part) {
      const group = `layers/${kind === "conv" ? "conv2d" : "dense"}${index === 0 ? "" : `_${index}`}`;
      const found = file.get(`${group}/vars/${PARTS.indexOf(part)}`);
      if (!(found instanceof hdf5.Dataset) || found.shape === null) return Promise.resolve(undefined);
      const data = found.value;
      if (!(data instanceof Float32Array)) return Promise.resolve(undefined);
      return Promise.resolve({ shape: found.shape, data });
    },
  };
}

function refusal(path: string, what: string, cause?: unknown): HerdError {
  return new HerdError("data", `--from-keras ${path} ${what}`, { cause });
}
