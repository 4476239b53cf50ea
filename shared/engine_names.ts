// The names of the engines, which both sides and the command line know.

/** An engine: kernels of our own on WebGPU, or in WebAssembly on one core; TF.js on WebGPU, or in plain TypeScript. */
export type EngineName = "webgpu" | "simd" | "tfjs-webgpu" | "tfjs-cpu";

/** The engines there are. */
export const ENGINE_NAMES: readonly EngineName[] = ["webgpu", "simd", "tfjs-webgpu", "tfjs-cpu"];

/** What --backend may be: an engine, or "auto" for the best one of a machine. */
export type Backend = "auto" | EngineName;

/** All of these. */
export const BACKENDS: readonly Backend[] = ["auto", ...ENGINE_NAMES];
