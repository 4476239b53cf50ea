// Loads the compiled kernels: the build that this processor and this V8 can run, on a memory of the caller's.

/** The exports of assembly/index.ts. All arguments are numbers: byte offsets, counts, or float32 values. */
export type KernelName =
  | "addInto"
  | "chains"
  | "convolve"
  | "convolveBackward"
  | "convolveWinograd"
  | "denseInputGradient"
  | "denseWeightGradient"
  | "draw"
  | "dropValues"
  | "flatten"
  | "multiply"
  | "packConvolution"
  | "packPanels"
  | "packTransposed"
  | "rectify"
  | "rectifyGradient"
  | "resample"
  | "scaleBytes"
  | "sumRows"
  | "transformWeights"
  | "unflatten"
  | "unpackSums";

export type Kernels = Readonly<Record<KernelName, (...values: number[]) => void>>;

/** Which build: with relaxed SIMD (multiply-adds may be fused) or without. */
export type Variant = "relaxed" | "plain";

/** A page of WebAssembly memory. */
export const PAGE_BYTES = 65536;
/** 4 GiB: the most that 32-bit addresses reach. */
export const MOST_PAGES = 65536;

// (module (func (param v128 v128 v128) (result v128) (f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 2))))
// deno-fmt-ignore
const RELAXED_PROBE = new Uint8Array([
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x01, 0x60, 0x03, 0x7b, 0x7b, 0x7b, 0x01, 0x7b, 0x03, 0x02,
  0x01, 0x00, 0x0a, 0x0d, 0x01, 0x0b, 0x00, 0x20, 0x00, 0x20, 0x01, 0x20, 0x02, 0xfd, 0x85, 0x02, 0x0b,
]);

/** The best build that this machine can run. */
export function bestVariant(): Variant {
  return WebAssembly.validate(RELAXED_PROBE) ? "relaxed" : "plain";
}

/** Instantiates a build on a memory. */
export async function loadKernels(variant: Variant, memory: WebAssembly.Memory): Promise<Kernels> {
  const { default: module } = variant === "relaxed"
    ? await import("./kernels_module.js")
    : await import("./kernels_plain_module.js");
  const instance = await WebAssembly.instantiate(module, { env: { memory } });
  return instance.exports as unknown as Kernels;
}
