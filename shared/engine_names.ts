// The names of the engines, which both sides and the command line know.

/** An engine: TF.js on WebGPU, WebAssembly SIMD on one core, or TF.js in plain TypeScript. */
export type EngineName = "webgpu" | "simd" | "cpu";

/** The engines there are. */
export const ENGINE_NAMES: readonly EngineName[] = ["webgpu", "simd", "cpu"];

/** What --backend may be: an engine, or "auto" for the best one of a machine. */
export type Backend = "auto" | EngineName;

/** All of these. */
export const BACKENDS: readonly Backend[] = ["auto", ...ENGINE_NAMES];
