// The names of the engines, which both sides and the command line know.

/** The engines there are. */
export const ENGINE_NAMES = ["webgpu", "simd", "cpu"] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];

/** What --backend may be. */
export const BACKENDS = ["auto", ...ENGINE_NAMES] as const;
export type Backend = (typeof BACKENDS)[number];
