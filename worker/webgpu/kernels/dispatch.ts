// A kernel as data: its WGSL text, the parts of buffers that it binds, and how many workgroups run. Kernels are pure functions
// from shapes to this; nothing here knows a device.

/** A buffer on the device, not made yet. */
export interface PlannedBuffer {
  /** What it holds, for people: "conv2 outputs". */
  readonly name: string;
  /** With a mirror a multiple of {@linkcode rowBytes}. */
  readonly bytes: number;
  /** Set where kernels read it through a texture, which the device keeps like the buffer: the format of its texels. */
  readonly mirror?: Texel | undefined;
}

/** What a texture's texel holds: a vec4 of float32, or a u32. */
export type Texel = "rgba32float" | "r32uint";

/** A part of a buffer. Offsets are multiples of {@linkcode ALIGNMENT}. */
export interface Slice {
  readonly buffer: PlannedBuffer;
  /** In bytes. */
  readonly offset: number;
  readonly bytes: number;
  /** Whether a kernel reads it through the buffer's mirror. */
  readonly isTexture?: boolean;
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
  /** The binding numbers of what the kernel writes. */
  readonly written: readonly number[];
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

/** Texels of a row of a mirror. Rows follow each other as in the buffer. */
export const MIRROR_WIDTH = 1024;

/** Bytes of a row of a mirror. */
export function rowBytes(texel: Texel): number {
  return MIRROR_WIDTH * (texel === "rgba32float" ? 16 : 4);
}

/** Bytes that a buffer takes on the device, with its mirror. */
export function deviceBytes({ bytes, mirror }: PlannedBuffer): number {
  return mirror === undefined ? bytes : 2 * bytes;
}

/** A slice read through its buffer's mirror, where it has one. */
export function mirrored(slice: Slice): Slice {
  return slice.buffer.mirror === undefined ? slice : { ...slice, isTexture: true };
}

/** WGSL: an element of a binding that is read. Elements of a texture are counted from the beginning of its buffer. */
export function load({ isTexture = false }: Slice, name: string, index: string): string {
  return isTexture ? `${name}_at(${index})` : `${name}[${index}]`;
}

/** WGSL: the same, counted from the beginning of the slice, which is written into the code. */
export function loadAt(slice: Slice, name: string, index: string): string {
  const first = slice.isTexture ? slice.offset / 16 : 0;
  return load(slice, name, first === 0 ? index : `${first}u + ${index}`);
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
  const declared = bindings.map((binding, i) => `@group(0) @binding(${i}) ${declare(binding)}`);
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
  const written = range(bindings.length).filter((i) => bindings[i]!.access === "read_write");
  return { label, code, slices: bindings.map(({ at }) => at), written, numbers, workgroups };
}

/** WGSL of a binding's variable, and for a texture of the function that reads it. */
function declare({ name, type, access, at: { isTexture = false, buffer } }: Binding): string {
  if (!isTexture) return `var<${access === "uniform" ? "uniform" : `storage, ${access}`}> ${name}: ${type};`;
  const [result, part] = buffer.mirror === "r32uint" ? ["u32", ".x"] : ["vec4<f32>", ""];
  const place = `vec2(i & ${MIRROR_WIDTH - 1}u, i >> ${Math.log2(MIRROR_WIDTH)}u)`;
  return `var ${name}: texture_storage_2d<${buffer.mirror}, read>;
fn ${name}_at(i: u32) -> ${result} { return textureLoad(${name}, ${place})${part}; }`;
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
