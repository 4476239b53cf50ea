// A model's weights.safetensors read back as one flat array.
import { HerdError, messageOf } from "../../shared/errors.ts";
import { type ModelSpec, parameterCount, parameterTable } from "../../shared/model.ts";
import { decodeSafetensors } from "../../shared/safetensors.ts";
import { allFinite } from "../../shared/sums.ts";

/** Of names, shapes and whatever else a file says before its weights: far more than any program writes. */
const MOST_HEADER_BYTES = 16 * 1024 * 1024;

/**
 * Reads weights; tensors are found by name, not by place.
 * @param path of the file
 * @param words how a refusal begins, and what it tells to do: "WHAT is not a file: REMEDY"
 * @returns flat float32 weights of the model's parameter count
 * @throws {HerdError} data, if the file cannot be read or is not of this model
 */
export async function readModelWeights(
  path: string,
  model: ModelSpec,
  { what, remedy }: { readonly what: string; readonly remedy: string },
): Promise<Float32Array> {
  const refuse = (why: string, cause?: unknown) => new HerdError("data", `${what} ${why}: ${remedy}`, { cause });
  try {
    const { isFile, size } = await Deno.stat(path);
    if (!isFile) throw refuse("is not a file");
    const most = 4 * parameterCount(model) + MOST_HEADER_BYTES;
    if (size > most) throw refuse(`has ${size} bytes, and this network's weights at most ${most}`);
    const { tensors } = decodeSafetensors(await Deno.readFile(path));
    const flat = new Float32Array(parameterCount(model));
    const table = parameterTable(model);
    const strange = Object.keys(tensors).find((name) => !table.some((parameter) => parameter.name === name));
    if (strange !== undefined) throw refuse(`has a tensor "${strange}", which this network does not have`);
    for (const { name, shape, offset } of table) {
      const tensor = tensors[name];
      const its = tensor === undefined ? "none" : `[${tensor.shape}]`;
      if (!(tensor?.data instanceof Float32Array) || its !== `[${shape}]`) {
        throw refuse(`has ${its} as "${name}", and this network needs float32 [${shape}]`);
      }
      flat.set(tensor.data, offset);
    }
    if (!allFinite(flat)) throw refuse("has a weight that is not finite");
    return flat;
  } catch (cause) {
    if (cause instanceof HerdError && cause.message.startsWith(what)) throw cause;
    throw refuse(`cannot be read (${messageOf(cause)})`, cause);
  }
}
