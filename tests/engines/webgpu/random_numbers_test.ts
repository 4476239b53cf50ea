// The random numbers of the device are those of TypeScript, bit for bit: the same draws, and the same elements dropped.
import { assertEquals } from "@std/assert";
import { fillDropoutMask } from "../../../shared/dropout.ts";
import { threefry, type Words } from "../../../shared/threefry.ts";
import { convBlock, quadsOf } from "../../../worker/webgpu/kernels/conv_shape.ts";
import { dispatch, whole } from "../../../worker/webgpu/kernels/dispatch.ts";
import { dropInputs, dropoutMasks, DROPS } from "../../../worker/webgpu/kernels/dropout.ts";
import { THREEFRY } from "../../../worker/webgpu/kernels/threefry.ts";
import { HAS_WEBGPU } from "../../fixtures/engines.ts";
import { bufferFor, runKernel, sampleRecords } from "../../fixtures/kernels.ts";

// All of these skip where there is no WebGPU adapter.
const ignore = !HAS_WEBGPU;
const LAYER = 3;
const KEYS: readonly (Words | undefined)[] = [[1, 2], [0xffffffff, 0x80000000], undefined, [0x12345678, 0x9abcdef0]];
/** One of them does not drop: an inference pass, or one that fills up. */
const RECORDS = KEYS.map((key) => ({ key, label: 0, map: [1, 0, 0, 0, 1, 0] as const }));

Deno.test({
  name: "threefry() in WGSL gives the words of threefry() in TypeScript (skips without adapter)",
  ignore,
  async fn() {
    const count = 1024;
    const special = [0, 1, 0x7fffffff, 0x80000000, 0xffffffff];
    const words = Uint32Array.from({ length: 4 * count }, (_, i) => {
      const digit = Math.floor(Math.floor(i / 4) / special.length ** (i % 4)) % special.length;
      return i < 4 * special.length ** 4 ? special[digit]! : threefry(0, 0, 0, i)[0];
    });
    const [cases, results] = [bufferFor("cases", words), { name: "results", bytes: 8 * count }];
    const kernel = dispatch("threefry", {
      bindings: [
        { name: "cases", type: "array<vec4<u32>>", access: "read", at: whole(cases) },
        { name: "results", type: "array<vec2<u32>>", access: "read_write", at: whole(results) },
      ],
      threads: 64,
      workgroups: [count / 64, 1, 1],
      functions: THREEFRY,
      body: "  results[id.x] = threefry(cases[id.x].xy, cases[id.x].zw);",
    });
    const actual = new Uint32Array(await runKernel(kernel, [[cases, words]], results));
    for (let i = 0; i < count; i++) {
      const [k0, k1, c0, c1] = words.subarray(4 * i) as unknown as [number, number, number, number];
      assertEquals([...actual.subarray(2 * i, 2 * i + 2)], [...threefry(k0, k1, c0, c1)], `case ${i}`);
    }
  },
});

for (const { filters, side, rate } of [{ filters: 8, side: 9, rate: 0.5 }, { filters: 5, side: 12, rate: 0.3 }]) {
  Deno.test({
    name: `the masks of a block of ${filters} filters keep what shared/dropout.ts keeps (skips without adapter)`,
    ignore,
    async fn() {
      const [convSize, pooled] = [side - 2, (side - 2) >> 1];
      const block = convBlock("conv2", KEYS.length, {
        kind: "conv",
        layer: LAYER,
        inputSize: side,
        inputChannels: 4,
        convSize,
        outputSize: pooled,
        filters,
        dropout: rate,
      });
      const records = sampleRecords(RECORDS);
      const [samples, masks] = [bufferFor("samples", records), {
        name: "masks",
        bytes: 4 * KEYS.length * pooled ** 2 * block.quads,
      }];
      const kernel = dropoutMasks(block, { samples: whole(samples), masks: whole(masks), threads: 64 });
      const words = new Uint32Array(await runKernel(kernel, [[samples, records]], masks));
      KEYS.forEach((key, image) => {
        const expected = new Float32Array(convSize ** 2 * filters).fill(1);
        if (key) fillDropoutMask(expected, key, LAYER, rate);
        let dropped = 0;
        for (let y = 0; y < 2 * pooled; y++) {
          for (let x = 0; x < 2 * pooled; x++) {
            for (let filter = 0; filter < filters; filter++) {
              const window = (image * pooled + (y >> 1)) * pooled + (x >> 1);
              const word = words[window * block.quads + (filter >> 2)]!;
              const kept = (word >> (4 * (2 * (y & 1) + (x & 1)) + (filter & 3)) & 1) === 1;
              assertEquals(
                kept,
                expected[(y * convSize + x) * filters + filter] !== 0,
                `${image}: ${y} ${x} ${filter}`,
              );
              assertEquals((word & DROPS) !== 0, key !== undefined, "what is kept is scaled in a training pass only");
              dropped += kept ? 0 : 1;
            }
          }
        }
        assertEquals(dropped > 0, key !== undefined);
      });
    },
  });
}

for (
  const { channels, pixels } of [{ channels: 8, pixels: 6 }, { channels: 6, pixels: 9 }, { channels: 23, pixels: 1 }]
) {
  Deno.test({
    name: `rows of ${pixels} × ${channels} values are dropped as shared/dropout.ts drops them (skips without adapter)`,
    ignore,
    async fn() {
      const rate = 0.25;
      const quads = quadsOf(channels);
      const row = 4 * quads * pixels;
      const records = sampleRecords(RECORDS);
      const data = Float32Array.from({ length: KEYS.length * row }, (_, i) => i % 7 + 1);
      const [samples, values] = [bufferFor("samples", records), bufferFor("values", data)];
      const kernel = dropInputs(
        { name: "dense1", images: KEYS.length, pixels, channels, quads, layer: LAYER, rate },
        { samples: whole(samples), values: whole(values), threads: 64 },
      );
      const actual = new Float32Array(await runKernel(kernel, [[samples, records], [values, data]], values));
      KEYS.forEach((key, image) => {
        const mask = new Float32Array(pixels * channels).fill(1);
        if (key) fillDropoutMask(mask, key, LAYER, rate);
        for (let i = 0; i < mask.length; i++) {
          const at = image * row + Math.floor(i / channels) * 4 * quads + i % channels;
          assertEquals(actual[at], Math.fround(data[at]! * mask[i]!), `image ${image}, element ${i}`);
        }
        assertEquals(mask.includes(0), key !== undefined);
      });
    },
  });
}
