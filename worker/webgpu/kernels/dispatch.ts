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
  /** u32 that the code reads by these names, from a uniform binding behind the slices: what differs between layers of one code. */
  readonly numbers: Readonly<Record<string, number>>;
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
 * and `group` the workgroup id, and each of the numbers by its name.
 * @param threads a workgroup's; one number, since ids are flat in all kernels
 */
export function dispatch(
  label: string,
  { bindings, numbers = {}, threads, workgroups, functions = "", body }: {
    readonly bindings: readonly Binding[];
    readonly numbers?: Readonly<Record<string, number>>;
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
  const names = Object.keys(numbers);
  if (names.length > 0) {
    const type = `array<vec4<u32>, ${Math.ceil(names.length / 4)}>`;
    declared.push(`@group(0) @binding(${bindings.length}) var<uniform> numbers: ${type};`);
  }
  const builtins = [
    "@builtin(global_invocation_id) id: vec3<u32>",
    "@builtin(local_invocation_index) local: u32",
    "@builtin(workgroup_id) group: vec3<u32>",
  ];
  const code = [
    ...declared,
    functions,
    `@compute @workgroup_size(${threads})\nfn main(${builtins.join(", ")}) {`,
    ...names.map((name, i) => `  let ${name} = numbers[${i >> 2}].${COMPONENTS[i & 3]};`),
    body,
    "}",
  ].filter((line) => line !== "").join("\n");
  return { label, code, slices: bindings.map(({ at }) => at), numbers, workgroups };
}

/** A dispatch's numbers as its uniform binding holds them. */
export function numbersOf({ numbers }: Dispatch): Uint32Array<ArrayBuffer> {
  const values = Object.values(numbers);
  const words = new Uint32Array(roundUp(values.length, 4));
  words.set(values);
  return words;
}

/** A float32 as WGSL writes it. */
export function literal(value: number): string {
  const text = `${Math.fround(value)}`;
  return /[.e]/.test(text) ? `${text}f` : `${text}.0f`;
}
