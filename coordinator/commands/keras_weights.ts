// The weights of a Sequential, from the shards beside a TF.js model.json or out of a .keras file, as tensors by Herd's names.
import { dirname, isAbsolute, join, relative } from "node:path";
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
/** A .keras file has what an optimizer keeps too. */
const MOST_BYTES = { json: 64 * 2 ** 20, keras: 2 * MAX_FRAME_BYTES } as const;
const HDF5_SIGNATURE = "\x89HDF\r\n\x1a\n";

/** A tensor whose values are read once its shape is known to be right: a few bytes may say that it has gigabytes. */
interface Found {
  readonly shape: readonly number[];
  /** Its values, float32 if they are of use. @throws {Error} if they are damaged */
  read(): unknown;
}

/** A model that has been opened. */
export interface OpenedModel {
  /** Its topology and what is around it. */
  readonly json: unknown;
  /**
   * Finds the tensor of a layer.
   * @param index among the layers of its kind
   */
  tensor?(layer: Trained & { readonly index: number }, part: (typeof PARTS)[number]): Promise<Found | undefined>;
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
    const { isFile, size } = await Deno.stat(path);
    if (!isFile) throw new Error("it is no file");
    const most = MOST_BYTES[path.endsWith(".keras") ? "keras" : "json"];
    if (size > most) throw new Error(`it has ${size} bytes, and the most is ${most}`);
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
      const data = its === `[${shape}]` ? valuesOf(found!, `${part} of ${layer.name}`, path) : undefined;
      if (!(data instanceof Float32Array)) {
        throw refusal(path, `has ${its} as ${part} of ${layer.name}, and its layers need float32 [${shape}]`);
      }
      if (!allFinite(data)) throw refusal(path, `has a ${part} of ${layer.name} that is not finite`);
      tensors[name] = { shape, data };
    }
  }
  return tensors;
}

function valuesOf(found: Found, what: string, path: string): unknown {
  try {
    return found.read();
  } catch (cause) {
    throw refusal(path, `has a ${what} that cannot be read (${messageOf(cause)}): get the file again`, cause);
  }
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
    for (const [its, { shape, data }] of await tensors) {
      if (its === suffix || its.endsWith(`/${suffix}`)) return { shape, read: () => data };
    }
    return undefined;
  };
}

async function readShards(path: string, manifest: Manifest): Promise<ReadonlyMap<string, Tensor>> {
  const tensors = new Map<string, Tensor>();
  let room = MAX_FRAME_BYTES;
  for (const { paths, weights } of manifest) {
    const bytes = await readAll(path, paths, room);
    room -= bytes.length;
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

/**
 * Files beside the model, one behind the other. A model may be somebody else's: its paths, and links on them, lead nowhere else.
 * @param most bytes of all of them
 */
async function readAll(path: string, names: readonly string[], most: number): Promise<Uint8Array<ArrayBuffer>> {
  const folder = dirname(path);
  const leadsAway = (way: string) => isAbsolute(way) || way.split(/[\\/]/).includes("..");
  const files: string[] = [];
  let bytes = 0;
  for (const name of names) {
    const file = join(folder, name);
    const isAway = leadsAway(name) ||
      await attempt(file, async () => leadsAway(relative(await Deno.realPath(folder), await Deno.realPath(file))));
    if (isAway) throw refusal(path, `names weights outside its folder (${name}): put them beside it`);
    bytes += await attempt(file, async () => {
      const { isFile, size } = await Deno.stat(file);
      if (!isFile) throw new Error("it is no file");
      if (bytes + size > most) throw new Error(`with it they have more than ${MAX_FRAME_BYTES} bytes`);
      return size;
    });
    files.push(file);
  }
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (const file of files) parts.push(await attempt(file, () => Deno.readFile(file)));
  return new Uint8Array(await new Blob(parts).arrayBuffer());

  async function attempt<T>(file: string, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (cause) {
      throw refusal(
        path,
        `has its weights in ${file}, which cannot be read (${messageOf(cause)}): put it there`,
        cause,
      );
    }
  }
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
  if (String.fromCharCode(...weights.subarray(0, HDF5_SIGNATURE.length)) !== HDF5_SIGNATURE) {
    throw new Error(`its ${wanted[1]} is no HDF5 file`);
  }
  const { default: hdf5 } = await import("h5wasm");
  const { FS } = await hdf5.ready;
  const name = crypto.randomUUID(); // HDF5 takes a file of the same name for the one that it has open
  FS.writeFile(name, weights);
  const file = new hdf5.File(name, "r");
  return {
    json: JSON.parse(new TextDecoder().decode(config)),
    tensor({ kind, index }, part) {
      const group = `layers/${kind === "conv" ? "conv2d" : "dense"}${index === 0 ? "" : `_${index}`}`;
      const found = file.get(`${group}/vars/${PARTS.indexOf(part)}`);
      if (!(found instanceof hdf5.Dataset) || found.shape === null) return Promise.resolve(undefined);
      return Promise.resolve({
        shape: found.shape,
        read() {
          // The library gives zeros for what cannot be inflated, and says nothing. Keras stores it as it is.
          if (found.filters.length > 0) throw new Error("it is compressed within HDF5");
          return found.value;
        },
      });
    },
  };
}

function refusal(path: string, what: string, cause?: unknown): HerdError {
  return new HerdError("data", `--from-keras ${path} ${what}`, { cause });
}
