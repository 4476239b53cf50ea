// What an adapter can do at the most, measured by kernels that do one thing each: the figures that the roofline takes of a GPU.
import type { GpuDevice } from "../../worker/webgpu/device.ts";
import { type Dispatch, dispatch, type PlannedBuffer, range, whole } from "../../worker/webgpu/kernels/dispatch.ts";
import { readBack } from "../../worker/webgpu/waiting.ts";
import { gpuMilliseconds } from "./gpu_clock.ts";
import type { GpuFigures } from "./roofline.ts";
import { milliseconds } from "./support.ts";

/** Chains of a thread that do not wait for each other: more than any adapter's latency of a multiply-add by its width. */
const CHAINS = 16;
/** Multiply-adds of a chain and turn, each with a factor of its own. */
const UNROLLED = 4;
const TURNS = 1024;
const THREADS = 64;
/** Results that are kept, so that no chain is left out. */
const KEPT = 1024;
/** A kernel is to last so long that its launch does not count. */
const LEAST_MS = 10;
const MOST_WORKGROUPS = 65535;
const COPIED_BYTES = 2 ** 25;

/** Measures all. */
export async function measureAdapter(device: GpuDevice): Promise<GpuFigures> {
  return {
    name: device.adapter,
    source: "measured here",
    teraflops: await multiplyAddPeak(device) / 1000,
    gigabytesPerSecond: await bandwidth(device),
    microsecondsADispatch: await launchMicroseconds(device),
    transferGigabytesPerSecond: await transferRate(device),
  };
}

/** The most 10⁹ float32 operations a second in multiply-adds: two each. */
export async function multiplyAddPeak(device: GpuDevice): Promise<number> {
  const numbers = await allocate(device, "factors", 4 * 2 * UNROLLED);
  // Near 1 and small: values stay normal numbers, and nobody knows the factors beforehand.
  device.write(numbers, Float32Array.from({ length: 2 * UNROLLED }, (_, i) => i < UNROLLED ? 1 - 1e-3 * i : 1e-3 * i));
  const results = await allocate(device, "results", 4 * KEPT);
  for (let workgroups = 64;; workgroups *= 4) {
    const last = workgroups * 4 > MOST_WORKGROUPS;
    const kernel = chains(numbers, results, workgroups);
    await device.prepare(kernel);
    const ms = await gpuMilliseconds(device, [kernel], last ? 9 : 1);
    if (ms < LEAST_MS && !last) continue;
    const least = Math.min(ms, await gpuMilliseconds(device, [kernel], 9));
    return 2 * CHAINS * UNROLLED * TURNS * THREADS * workgroups / least / 1e6;
  }
}

function chains(numbers: PlannedBuffer, results: PlannedBuffer, workgroups: number): Dispatch {
  const step = (j: number) => range(CHAINS).map((c) => `s${c} = s${c} * m${j} + a${j};`).join(" ");
  return dispatch("peak", {
    bindings: [
      { name: "numbers", type: "array<f32>", access: "read", at: whole(numbers) },
      { name: "results", type: "array<f32>", access: "read_write", at: whole(results) },
    ],
    threads: THREADS,
    workgroups: [workgroups, 1, 1],
    body: `${
      range(UNROLLED).map((j) => `  let m${j} = numbers[${j}]; let a${j} = numbers[${UNROLLED + j}];`).join("\n")
    }
  let first = f32(id.x & 1023u) * 1e-4;
${range(CHAINS).map((c) => `  var s${c} = first + ${(c + 1) / 64};`).join("\n")}
  for (var i = 0u; i < ${TURNS}u; i++) {
${range(UNROLLED).map((j) => `  ${step(j)}`).join("\n")}
  }
  results[id.x & ${KEPT - 1}u] = ${range(CHAINS).map((c) => `s${c}`).join(" + ")};`,
  });
}

/** 10⁹ bytes a second that a kernel reads and writes, in vectors, one after the other. */
async function bandwidth(device: GpuDevice): Promise<number> {
  const [from, to] = [await allocate(device, "copied", COPIED_BYTES), await allocate(device, "copy", COPIED_BYTES)];
  const kernel = dispatch("copy", {
    bindings: [
      { name: "source", type: "array<vec4<f32>>", access: "read", at: whole(from) },
      { name: "copy", type: "array<vec4<f32>>", access: "read_write", at: whole(to) },
    ],
    threads: THREADS,
    workgroups: [COPIED_BYTES / 16 / THREADS, 1, 1],
    body: "  copy[id.x] = source[id.x];",
  });
  await device.prepare(kernel);
  return 2 * COPIED_BYTES / await gpuMilliseconds(device, [kernel]) / 1e6;
}

/** Microseconds that a dispatch takes which does nothing, among others. */
async function launchMicroseconds(device: GpuDevice): Promise<number> {
  const target = await allocate(device, "nothing", 16);
  const kernel = dispatch("nothing", {
    bindings: [{ name: "target_value", type: "array<f32>", access: "read_write", at: whole(target) }],
    threads: 1,
    workgroups: [1, 1, 1],
    body: "  target_value[0] = 1.0;",
  });
  await device.prepare(kernel);
  return 1000 * await gpuMilliseconds(device, Array.from({ length: 100 }, () => kernel)) / 100;
}

/** 10⁹ bytes a second between this process and the device, there and back. */
async function transferRate(device: GpuDevice): Promise<number> {
  const buffer = await allocate(device, "transferred", COPIED_BYTES);
  const data = new Uint8Array(COPIED_BYTES);
  const readback = await device.readback(COPIED_BYTES);
  const ms = await milliseconds(5, async () => {
    device.write(buffer, data);
    device.submit([], (encoder) => {
      encoder.copyBufferToBuffer(device.bufferOf(buffer), 0, readback, 0, COPIED_BYTES);
    });
    await readBack(readback, COPIED_BYTES);
  });
  return 2 * COPIED_BYTES / ms / 1e6;
}

async function allocate(device: GpuDevice, name: string, bytes: number): Promise<PlannedBuffer> {
  const buffer = { name, bytes };
  await device.allocate(buffer);
  return buffer;
}
