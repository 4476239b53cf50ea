// --model FILE.json: a network as people write it down. What a file may say is one schema: it is checked by it, and editors
// complete it by the JSON Schema that is made of it (model.schema.json).
import * as v from "valibot";
import { nearest } from "./cli/flags.ts";
import { HerdError, messageOf } from "./errors.ts";
import { leastImageSize, type ModelDescription } from "./model.ts";
import { MOST } from "./protocol.ts";
import { visible } from "./visible.ts";

/** Blocks that images of the largest size go through. */
const MOST_BLOCKS = Array.from({ length: MOST.layers }, (_, i) => i + 1)
  .findLast((blocks) => leastImageSize(blocks) <= MOST.imageSize)!;
/** Hidden dense layers: the output layer is one of the layers too. */
const MOST_DENSE = MOST.layers - MOST_BLOCKS - 1;
/** A file of all layers is far smaller. */
const MOST_BYTES = 64 * 1024;

const width = (what: string) => {
  const allowed = `must be a whole number from 1 to ${MOST.width}`;
  return v.pipe(
    v.number(allowed),
    v.integer(allowed),
    v.minValue(1, allowed),
    v.maxValue(MOST.width, allowed),
    v.description(what),
  );
};
const rate = (which: string) => {
  const allowed = "must be a number from 0 to 0.99";
  const what = `Part of the values ${which} that training drops; 0 for none.`;
  const number = v.pipe(v.number(allowed), v.minValue(0, allowed), v.maxValue(0.99, allowed), v.description(what));
  return v.exactOptional(number);
};
const object = <T extends v.ObjectEntries>(entries: T) =>
  v.strictObject(entries, `must be an object of ${Object.keys(entries).filter((key) => key !== "$schema").join(", ")}`);
const list = <T extends v.GenericSchema>(item: T, least: number, most: number, what: string) => {
  const allowed = `must be a list of ${least} to ${most} objects`;
  return v.pipe(v.array(item, allowed), v.minLength(least, allowed), v.maxLength(most, allowed), v.description(what));
};

/** What a model file may say. */
export const ModelFileSchema: v.GenericSchema<unknown, ModelDescription & { readonly $schema?: string }> = v.pipe(
  object({
    $schema: v.exactOptional(v.string("must be a text")),
    blocks: list(
      object({ filters: width("Channels of the output."), dropout: rate("between ReLU and pooling") }),
      1,
      MOST_BLOCKS,
      "Convolution 3×3 without padding, ReLU, dropout, max-pool 2×2: from the images on.",
    ),
    dense: list(
      object({ units: width("Values of the output."), dropoutBefore: rate("that come in") }),
      0,
      MOST_DENSE,
      "Hidden dense layers with ReLU. The output layer is not among them: it follows from the classes of the data.",
    ),
    output: v.exactOptional(
      v.pipe(object({ dropoutBefore: rate("that come in") }), v.description("The layer that gives the logits.")),
    ),
  }),
  v.title("A network that Herd trains"),
);

/** Whether --model names a file. */
export function isModelFile(model: string): boolean {
  return model.endsWith(".json");
}

/**
 * Reads a model file.
 * @throws {HerdError} usage, naming the place in the file, the value and what is allowed
 */
export async function readModelFile(path: string): Promise<ModelDescription> {
  const refuse = (why: string, cause?: unknown) => new HerdError("usage", `--model ${path}: ${why}`, { cause });
  let text: string;
  let content: unknown;
  try {
    const { isFile, size } = await Deno.stat(path);
    if (!isFile) throw new Error("it is no file");
    if (size > MOST_BYTES) throw new Error(`it has ${size} bytes, and may have ${MOST_BYTES}`);
    text = await Deno.readTextFile(path);
  } catch (cause) {
    throw refuse(`it cannot be read (${messageOf(cause)}): give the path of a file that describes a network`, cause);
  }
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw refuse(`it is not JSON (${visible(messageOf(cause))}): give a file as shared/model.schema.json says`, cause);
  }
  return checkModel(content, refuse);
}

/**
 * What a model file may say, of what somebody says.
 * @param refuse makes the error of a sentence with the place, the value and what is allowed
 * @throws what `refuse` makes
 */
export function checkModel(content: unknown, refuse: (why: string) => HerdError): ModelDescription {
  const result = v.safeParse(ModelFileSchema, content);
  if (!result.success) throw refuse(sentenceOf(result.issues[0]));
  const { $schema: _, ...description } = result.output;
  return description;
}

/** "blocks[1].filters is 0: it must be a whole number from 1 to 65536" */
function sentenceOf(issue: v.BaseIssue<unknown>): string {
  const place = (issue.path ?? []).map(({ key }) => typeof key === "number" ? `[${key}]` : `.${String(key)}`).join("");
  const where = visible(place.replace(/^\./, "")) || "the file";
  const allowed = issue.message.replace("must be", "it must be");
  if (issue.type === "strict_object" && issue.expected === "never") {
    const key = String(issue.path?.at(-1)?.key);
    const known = allowed.replace(/^.* of /, "").split(", ");
    const near = nearest(key, known);
    return `${where} is nothing that Herd knows: ${near ? `did you mean ${near}?` : `use ${known.join(", ")}`}`;
  }
  if (issue.input === undefined) return `${where} is missing: it must be given`;
  return `${where} is ${shown(issue.input)}: ${allowed}`;
}

/** A value as JSON; a long one is cut. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  const text = visible(JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
