// The layers of a Sequential as Keras 2, Keras 3 and TF.js write them down, and what Herd computes of each kind.
import * as v from "valibot";
import { HerdError } from "../../shared/errors.ts";
import { visible } from "../../shared/visible.ts";

const layerSchema = v.object({ class_name: v.string(), config: v.record(v.string(), v.unknown()) });
const layersSchema = v.pipe(v.array(layerSchema), v.minLength(1));
const sequential = v.object({
  class_name: v.string(),
  // Keras before 2.2.3 wrote the bare list.
  config: v.union([v.object({ layers: layersSchema }), layersSchema]),
});
/** A layer: what it is, and what it says of itself. */
export type Layer = v.InferOutput<typeof layerSchema>;

/** What a setting of a layer must be where it is said; a first value is also what stands for saying nothing. */
type Settings = Readonly<Record<string, readonly unknown[]>>;
const square = (side: number) => [[side, side], side];
const LAST = { data_format: ["channels_last", null] };
const PLAIN: Settings = {
  dtype: ["float32", null],
  trainable: [true],
  use_bias: [true],
  kernel_regularizer: [null],
  bias_regularizer: [null],
  activity_regularizer: [null],
  kernel_constraint: [null],
  bias_constraint: [null],
  quantization_config: [null],
  noise_shape: [null],
};
/** The layers of the family, and what Herd computes of them. */
const KNOWN: Readonly<Record<string, Settings>> = {
  InputLayer: {},
  Rescaling: { offset: [0] },
  Conv2D: {
    kernel_size: square(3),
    strides: square(1),
    padding: ["valid"],
    dilation_rate: square(1),
    groups: [1],
    activation: ["relu"],
    ...LAST,
  },
  MaxPooling2D: { pool_size: square(2), strides: [...square(2), null], padding: ["valid"], ...LAST },
  Dropout: {},
  Flatten: LAST,
  Dense: {},
};
/** What must be said: Keras does something else where it is not. */
const SAID: Readonly<Record<string, readonly string[]>> = { Conv2D: ["kernel_size", "activation"] };

/**
 * The layers of a model in order.
 * @param json what model.to_json() gives, a TF.js model.json or the config.json of a .keras file holds
 * @throws {HerdError} data, if it is no Sequential
 */
export function layersOf(json: unknown, source: string): readonly Layer[] {
  const inner = v.safeParse(v.object({ modelTopology: v.unknown() }), json);
  const topology = inner.success ? inner.output.modelTopology : json;
  const converted = v.safeParse(v.object({ model_config: v.unknown() }), topology);
  const result = v.safeParse(sequential, converted.success ? converted.output.model_config : topology);
  if (!result.success) {
    const what = "does not describe a model of Keras or of TF.js";
    throw new HerdError(
      "data",
      `${source} ${what}: give model.to_json(), a layers-model's model.json or a .keras file`,
    );
  }
  const { class_name: kind, config } = result.output;
  if (kind !== "Sequential") {
    throw new HerdError("data", `${source} has a model of class ${visible(kind)}: only a Sequential can be read`);
  }
  return "layers" in config ? config.layers : config;
}

/** What Herd would compute otherwise than the layer says, as what stands behind its name; undefined for nothing. */
export function differenceOf({ class_name: kind, config }: Layer): string | undefined {
  const known = Object.hasOwn(KNOWN, kind) ? KNOWN[kind] : undefined;
  if (known === undefined) return `is no layer of Herd's: it has ${Object.keys(KNOWN).join(", ")}`;
  for (const [key, allowed] of Object.entries({ ...PLAIN, ...known })) {
    const value = key === "dtype" ? dtypeOf(config[key]) : config[key];
    const isUnsaid = value === undefined && !SAID[kind]?.includes(key);
    if (isUnsaid || allowed.some((one) => JSON.stringify(one) === JSON.stringify(value))) continue;
    return `has ${key} ${shown(value)}, and Herd computes with ${shown(allowed[0])}`;
  }
  return undefined;
}

/** The class of what draws a layer's first kernel, where it has one. */
export function initializerOf(config: Layer["config"]): string | undefined {
  const initializer = v.safeParse(v.object({ class_name: v.string() }), config["kernel_initializer"]);
  return initializer.success ? initializer.output.class_name : undefined;
}

/** Of a policy, its name. */
function dtypeOf(dtype: unknown): unknown {
  const policy = v.safeParse(v.object({ config: v.object({ name: v.string() }) }), dtype);
  return policy.success ? policy.output.config.name : dtype;
}

/** A value of a layer as JSON, for messages; a long one is cut. */
export function shown(value: unknown): string {
  const text = visible(JSON.stringify(value) ?? "none");
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
