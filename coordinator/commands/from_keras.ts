// `deno task model --from-keras`: a Sequential of Keras or TF.js as a model file, and its weights as --init-weights takes them.
import { writeAtomically } from "../../shared/atomic_file.ts";
import { shellWord } from "../../shared/cli/stored_flags.ts";
import { HerdError, messageOf } from "../../shared/errors.ts";
import { modelOf, parameterCount, parameterTable } from "../../shared/model.ts";
import { checkModel, isModelFile } from "../../shared/model_file.ts";
import { encodeSafetensors } from "../../shared/safetensors.ts";
import { readKerasNetwork } from "./keras_network.ts";
import { openKerasModel, readKerasWeights } from "./keras_weights.ts";

/**
 * Converts a model.
 * @param from model.json or a .keras file
 * @returns what has been done, in lines
 * @throws {HerdError} usage, without a name for the model file; data, for what is not of Herd's family or cannot be written
 */
export async function convertKeras(
  from: string,
  { to, weights }: { readonly to: string | undefined; readonly weights: string | undefined },
): Promise<string[]> {
  if (to === undefined || !isModelFile(to)) {
    throw new HerdError("usage", `--to must be the name of a .json file: got ${to === undefined ? "none" : `"${to}"`}`);
  }
  const opened = await openKerasModel(from);
  const source = `--from-keras ${from}`;
  const network = readKerasNetwork(opened.json, source);
  const { imageSize, logits, notes } = network;
  const description = checkModel(network.description, (why) => new HerdError("data", `${source}: ${why}`));
  const { blocks, dense } = description;
  const words = [
    `${blocks.length} block${blocks.length === 1 ? "" : "s"}`,
    `${dense.length} hidden dense layer${dense.length === 1 ? "" : "s"}`,
    `${logits === 1 ? 2 : logits} classes`,
    ...(imageSize === undefined ? [] : [`images of ${imageSize} × ${imageSize} px`]),
  ];
  const lines = [`Read    ${from}: ${words.join(", ")}`, ...notes.map((note) => `        ${note}`)];
  const flags = [`--model ${shellWord(to)}`, ...(imageSize === undefined ? [] : [`--image-size ${imageSize}`])];
  if (weights !== undefined) {
    if (imageSize === undefined) {
      throw new HerdError("data", `${source} says no image size, on which its weights depend: leave --weights out`);
    }
    const spec = modelOf(description, imageSize, logits === 1 ? 2 : logits);
    const tensors = await readKerasWeights(from, opened, network, parameterTable(spec));
    await write(weights, encodeSafetensors({ tensors, metadata: {} }));
    lines.push(`Wrote   ${weights}: ${parameterCount(spec).toLocaleString("en")} weights`);
    flags.push(`--init-weights ${shellWord(weights)}`);
  }
  await write(to, `${JSON.stringify(description, null, 2)}\n`);
  return [...lines, `Wrote   ${to}: deno task train ${flags.join(" ")}`];
}

async function write(path: string, content: string | Uint8Array): Promise<void> {
  try {
    await writeAtomically(path, content);
  } catch (cause) {
    throw new HerdError("data", `Cannot write ${path} (${messageOf(cause)}): give a place that can be written`, {
      cause,
    });
  }
}
