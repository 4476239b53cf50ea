// Dropout's draws on the device: as masks for a conv block, whose windows read them, and applied in place to a dense layer's inputs.
// Both look at whether a sample's pass drops at all, so that inference runs through the same kernels.
import { dropoutScale } from "../../../shared/dropout.ts";
import type { ConvBlock } from "./conv_shape.ts";
import { COMPONENTS, type Dispatch, dispatch, literal, range, type Slice } from "./dispatch.ts";
import { dropoutFunctions, SAMPLE_STRUCT, sampleBinding } from "./samples.ts";

/** The bit of a mask word that says that what is kept is scaled. */
export const DROPS = 1 << 16;

/**
 * Writes the masks of a block: [images][pooled][pooled][quads] u32, of which bit 4 · position + channel says that the element is
 * kept. Elements are numbered over the convolution's whole output, before pooling.
 */
export function dropoutMasks(
  { name, images, pooled, quads, filters, shape }: ConvBlock,
  { samples, masks, threads }: { readonly samples: Slice; readonly masks: Slice; readonly threads: number },
): Dispatch {
  const words = pooled * pooled * quads;
  const corners = range(4).map((corner) => {
    const element = `((2u * y + ${corner >> 1}u) * ${shape.convSize}u + 2u * x + ${
      corner & 1
    }u) * ${filters}u + 4u * quad`;
    // One call serves four elements from a multiple of 4 on.
    const kept = filters % 4 === 0 ? [`  let k${corner} = kept4(s.key, ${element});`] : [
      `  let e${corner} = ${element};`,
      `  let k${corner} = vec4(${range(4).map((c) => `kept(s.key, e${corner} + ${c}u)`).join(", ")});`,
    ];
    const bits = COMPONENTS.map((component, c) => `select(0u, ${1 << (4 * corner + c)}u, k${corner}.${component})`);
    return [...kept, `  word |= ${bits.join(" | ")};`].join("\n");
  });
  return dispatch(`${name} dropout`, {
    bindings: [
      sampleBinding(images, samples),
      { name: "masks", type: "array<u32>", access: "read_write", at: masks },
    ],
    threads,
    workgroups: [Math.ceil(words / threads), images, 1],
    functions: `${SAMPLE_STRUCT}\n${dropoutFunctions(shape.layer, shape.dropout)}`,
    body: `  let i = min(id.x, ${words - 1}u);
  let s = samples[id.y];
  let quad = i % ${quads}u;
  let x = i / ${quads}u % ${pooled}u;
  let y = i / ${quads * pooled}u;
  var word = 0u;
${corners.join("\n")}
  masks[id.y * ${words}u + i] = select(0xffffu, word | ${DROPS}u, s.drops == 1u);`,
  });
}

/** A dense layer's inputs as rows of vectors: which of them are real, and their numbers. */
export interface DenseRows {
  readonly name: string;
  readonly images: number;
  /** Pixels, or 1 behind a dense layer. */
  readonly pixels: number;
  /** Values of a pixel; its vectors of four may be filled up. */
  readonly channels: number;
  readonly quads: number;
  readonly layer: number;
  readonly rate: number;
}

/** Drops and scales a dense layer's inputs where they lie: [images][pixels][quads] vec4. */
export function dropInputs(
  { name, images, pixels, channels, quads, layer, rate }: DenseRows,
  { samples, values, threads }: { readonly samples: Slice; readonly values: Slice; readonly threads: number },
): Dispatch {
  const vectors = pixels * quads;
  return dispatch(`${name} dropout`, {
    bindings: [
      sampleBinding(images, samples),
      { name: "values", type: "array<vec4<f32>>", access: "read_write", at: values },
    ],
    threads,
    workgroups: [Math.ceil(vectors / threads), images, 1],
    functions: `${SAMPLE_STRUCT}\n${dropoutFunctions(layer, rate)}`,
    // A surplus thread would drop a value twice.
    body: `  let i = id.x;
  if (i >= ${vectors}u) { return; }
  let s = samples[id.y];
  let value = values[id.y * ${vectors}u + i];
  let keeps = ${keptVector("s.key", "i", channels, quads)} | vec4(s.drops == 0u);
  let scale = select(1.0, ${literal(dropoutScale(rate))}, s.drops == 1u);
  values[id.y * ${vectors}u + i] = select(vec4<f32>(), value * scale, keeps);`,
  });
}

/** WGSL: which components of vector `i` of a row are kept; uses the functions of samples.ts. */
export function keptVector(key: string, i: string, channels: number, quads: number): string {
  const element = `(${i} / ${quads}u * ${channels}u + 4u * (${i} % ${quads}u))`;
  if (channels % 4 === 0) return `kept4(${key}, ${element})`;
  return `vec4(${range(4).map((c) => `kept(${key}, ${element} + ${c}u)`).join(", ")})`;
}
