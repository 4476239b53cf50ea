// A kernel as data: its WGSL text, the parts of buffers that it binds, and how many workgroups run. Kernels are pure functions
// from shapes to this; nothing here knows a device.

/** A buffer on the device, not made yet. */
export interface PlannedBuffer {
  /** What it holds, for people: "conv2 outputs". */
  readonly name: string;
  readonly bytes: number;
}

/** A part of a buffer. Offsets are multiples of {@linkcode ALIGNMENT}. */
export interface Slice {
  readonly buffer: PlannedBuffer;
  /** In bytes. */
  readonly offset: number;
  readonly bytes: number;
}

/** A slice as a kernel sees it. */
export interface Binding {
  /** Of the variable. */
  readonly name: string;
  /** Its WGSL type. */
  readonly type: string;
  readonly access: "read" | "read_write" | "uniform";
  readonly at: Slice;
}

/** One run of a kernel. Those of the same code share a pipeline. */
export interface Dispatch {
  /** Layer and pass, for errors and benches: "conv2 forward". */
  readonly label: string;
  readonly code: string;
  /** By binding number. */
  readonly slices: readonly Slice[];
  readonly workgroups: readonly [number, number, number];
}

/** What any adapter may ask of a binding's offset. */
export const ALIGNMENT = 256;

/** The components of a vector. */
export const COMPONENTS = ["x", "y", "z", "w"] as const;

/** Rounds up to a multiple. */
export function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

/** 0, 1, … count − 1. */
export function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/** The whole of a buffer. */
export function whole(buffer: PlannedBuffer): Slice {
  return { buffer, offset: 0, bytes: buffer.bytes };
}

/**
 * Puts a kernel together. The body is a function's, in which `id` is the global invocation id, `local` the index in the workgroup
 * and `group` the workgroup id.
 * @param threads a workgroup's; one number, since ids are flat in all kernels
 */
export function dispatch(
  label: string,
  { bindings, threads, workgroups, functions = "", body }: {
    readonly bindings: readonly Binding[];
    readonly threads: number;
    readonly workgroups: readonly [number, number, number];
    /** What stands outside the entry point. */
    readonly functions?: string;
    readonly body: string;
  },
): Dispatch {
  const declared = bindings.map(({ name, type, access }, i) =>
    `@group(0) @binding(${i}) var<${access === "uniform" ? "uniform" : `storage, ${access}`}> ${name}: ${type};`
  );
  const builtins = [
    "@builtin(global_invocation_id) id: vec3<u32>",
    "@builtin(local_invocation_index) local: u32",
    "@builtin(workgroup_id) group: vec3<u32>",
  ];
  const code = [
    ...declared,
    functions,
    `@compute @workgroup_size(${threads})\nfn main(${builtins.join(", ")}) {`,
    body,
    "}",
  ].filter((line) => line !== "").join("\n");
  return { label, code, slices: bindings.map(({ at }) => at), workgroups };
}

/** A float32 as WGSL writes it. */
export function literal(value: number): string {
  const text = `${Math.fround(value)}`;
  return /[.e]/.test(text) ? `${text}f` : `${text}.0f`;
}
