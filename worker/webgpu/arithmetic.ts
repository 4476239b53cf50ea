// What the device's float32 arithmetic is like: whether it adds as IEEE 754 says, whether it fuses multiply and add, and what it does
// with subnormal numbers. Devices differ here, and with them the bits of a run.
import { threefry } from "../../shared/threefry.ts";
import type { GpuDevice } from "./device.ts";
import { dispatch, whole } from "./kernels/dispatch.ts";

const COUNT = 256;

/** What was found. */
export interface Arithmetic {
  /** Whether float32 sums have the bits of the host's: only then may the device add leaf sums. */
  readonly addsExactly: boolean;
  /** Bits of a · b + c on a few numbers, in hexadecimal. */
  readonly multiplyAdd: string;
}

/** Tries it. */
export async function probeArithmetic(device: GpuDevice): Promise<Arithmetic> {
  const { a, b, c } = cases();
  const inputs = [a, b, c].map((values, i) => ({ name: `numbers ${i}`, bytes: values.byteLength }));
  const target = { name: "sums of numbers", bytes: 8 * COUNT };
  for (const buffer of [...inputs, target]) await device.allocate(buffer);
  inputs.forEach((buffer, i) => device.write(buffer, [a, b, c][i]!));
  const kernel = dispatch("arithmetic", {
    bindings: [
      ...inputs.map((buffer, i) => ({
        name: "abc"[i]!,
        type: "array<f32>",
        access: "read" as const,
        at: whole(buffer),
      })),
      { name: "results", type: "array<f32>", access: "read_write", at: whole(target) },
    ],
    threads: 64,
    workgroups: [COUNT / 64, 1, 1],
    body: `  let i = id.x;
  results[i] = a[i] + b[i];
  results[${COUNT}u + i] = a[i] * b[i] + c[i];`,
  });
  await device.prepare(kernel);
  const results = await device.read(kernel, target);
  const bits = new Uint32Array(results);
  const expected = new Uint32Array(a.map((value, i) => value + b[i]!).buffer);
  return {
    addsExactly: expected.every((word, i) => word === bits[i]),
    multiplyAdd: [...bits.subarray(COUNT, COUNT + 32)].map((word) => word.toString(16).padStart(8, "0")).join(""),
  };
}

/** Random numbers of near exponents, and those with which devices differ: ties, zeros, subnormals, products that are rounded. */
function cases() {
  const special = [
    [1 + 2 ** -12, 1 + 2 ** -12, -(1 + 2 ** -11)],
    [2 ** -100, 2 ** -40, 0],
    [2 ** -140, 2 ** 20, 0],
    [2 ** -126, 0.5, 2 ** -149],
    [1e-39, 2e-39, 0],
    [2 ** -126, -(2 ** -127), 0],
    [2 ** -149, 2 ** -149, 1],
    [2 ** -126, -(2 ** -126 + 2 ** -149), 0],
    [1, 2 ** -24, -(2 ** -24)],
    [1 + 2 ** -23, 2 ** -24, 1],
    [16777216, 1, 1],
    [-0, -0, 0],
    [3e38, 3e38, -3e38],
  ];
  const rows = Array.from(
    { length: COUNT },
    (_, i) => special[i] ?? [0, 1, 2].map((j) => nearOne(threefry(0, j, 0, i)[0])),
  );
  const column = (index: number) => Float32Array.from(rows, (row) => row[index]!);
  return { a: column(0), b: column(1), c: column(2) };
}

/** Any sign, any mantissa, an exponent of −8 … 7. */
function nearOne(word: number): number {
  return (word & 1 ? -1 : 1) * (1 + (word >>> 9) * 2 ** -23) * 2 ** ((word >>> 1 & 15) - 8);
}
