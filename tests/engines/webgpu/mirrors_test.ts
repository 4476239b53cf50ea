// A buffer that is read through a texture is read as it is now: written by the host, or by a kernel a moment before.
import { assertEquals } from "@std/assert";
import { GpuDevice } from "../../../worker/webgpu/device.ts";
import {
  dispatch,
  MIRROR_WIDTH,
  mirrored,
  type PlannedBuffer,
  rowBytes,
  whole,
} from "../../../worker/webgpu/kernels/dispatch.ts";
import { HAS_WEBGPU } from "../../fixtures/engines.ts";

const ROWS = 3;
const COUNT = ROWS * MIRROR_WIDTH;

for (const [texel, type, words] of [["rgba32float", "vec4<f32>", 4], ["r32uint", "u32", 1]] as const) {
  Deno.test(`mirrors: what a kernel reads as ${texel} is what was written last, in its place`, {
    ignore: !HAS_WEBGPU,
  }, async () => {
    await using device = await GpuDevice.open();
    const bytes = ROWS * rowBytes(texel);
    const source: PlannedBuffer = { name: "source", bytes, mirror: texel };
    const target: PlannedBuffer = { name: "target", bytes };
    for (const buffer of [source, target]) await device.allocate(buffer);
    const shape = { threads: 64, workgroups: [COUNT / 64, 1, 1] } as const;
    const copy = dispatch("copy", {
      ...shape,
      bindings: [
        { name: "values", type: `array<${type}>`, access: "read", at: mirrored(whole(source)) },
        { name: "copies", type: `array<${type}>`, access: "read_write", at: whole(target) },
      ],
      body: "  copies[id.x] = values_at(id.x);",
    });
    const double = dispatch("double", {
      ...shape,
      bindings: [{ name: "values", type: `array<${type}>`, access: "read_write", at: whole(source) }],
      body: "  values[id.x] += values[id.x];",
    });
    for (const one of [copy, double]) await device.prepare(one);
    const isFloat = texel === "rgba32float";
    const values = (first: number, factor = 1) => {
      const all = Array.from({ length: words * COUNT }, (_, i) => factor * (first + i));
      return isFloat ? Float32Array.from(all) : Uint32Array.from(all);
    };
    const read = async () => {
      const data = await device.read(copy, target);
      return isFloat ? new Float32Array(data) : new Uint32Array(data);
    };

    device.write(source, values(1));
    assertEquals(await read(), values(1), "after the host");
    device.submit([double]);
    assertEquals(await read(), values(1, 2), "after a kernel");
    device.submit([copy, double, copy, double]);
    assertEquals(await read(), values(1, 8), "after kernels between reads, in one submission");
    device.write(source, values(7));
    assertEquals(await read(), values(7), "after the host again");
    await device.settle();
  });
}
