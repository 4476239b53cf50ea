// Tiles fit every block: a preset's choice may be slow, never wrong.
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type ConvBlock, convBlock, quadsOf } from "../../../../worker/webgpu/kernels/conv_shape.ts";
import { type DenseLayer, denseLayer } from "../../../../worker/webgpu/kernels/dense_shape.ts";
import { PRESET_NAMES, presetOf } from "../../../../worker/webgpu/presets.ts";
import { stagedBytes } from "../../../../worker/webgpu/kernels/staged.ts";

/** What every adapter has (WebGPU's default limits). */
const WORKGROUP_BYTES = 16384;
const WORKGROUP_THREADS = 256;

const anyBlock: fc.Arbitrary<ConvBlock> = fc.record({
  side: fc.integer({ min: 4, max: 1024 }),
  inputChannels: fc.integer({ min: 1, max: 300 }),
  filters: fc.integer({ min: 1, max: 300 }),
}).map(({ side, inputChannels, filters }) =>
  convBlock("conv", 8, {
    kind: "conv",
    layer: 0,
    inputSize: side,
    inputChannels,
    convSize: side - 2,
    outputSize: (side - 2) >> 1,
    filters,
    dropout: 0,
  })
);

const anyDense: fc.Arbitrary<DenseLayer> = fc.record({
  inputs: fc.integer({ min: 1, max: 1_000_000 }),
  units: fc.integer({ min: 1, max: 4096 }),
}).map(({ inputs, units }) =>
  denseLayer("dense", 8, { kind: "dense", layer: 1, inputs, units, dropoutBefore: 0, relu: true }, inputs)
);

/** A tile computes whole vectors of four, and whole groups of them. */
function assertDivides(outputs: number, channels: number): void {
  assertEquals([outputs % 4, 4 * quadsOf(channels) % outputs], [0, 0], `${outputs} outputs of ${channels} channels`);
}

for (const name of PRESET_NAMES) {
  const preset = presetOf(name);

  Deno.test(`${name}: a conv tile divides the padded channels and is no larger than what it is laid over`, () => {
    fc.assert(
      fc.property(anyBlock, (block) => {
        const { pooled, side, filters, inputChannels } = block;
        const passes = [
          { tile: preset.forward(block), channels: filters, squares: pooled },
          { tile: preset.inputGradient(block), channels: inputChannels, squares: (side + 1) >> 1 },
        ];
        for (const { tile, channels, squares } of passes) {
          assertDivides(tile.outputs, channels);
          assert(tile.threads <= WORKGROUP_THREADS);
          if (tile.form === "staged") {
            // One window a thread, in a square.
            assertEquals([tile.width, tile.height, Math.sqrt(tile.threads) % 1], [1, 1, 0]);
            assert(stagedBytes(tile) <= WORKGROUP_BYTES, `${stagedBytes(tile)} bytes of workgroup memory`);
          } else assert(Math.max(tile.width, tile.height) <= squares, `${tile.width} × ${tile.height} of ${squares}`);
        }
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  Deno.test(`${name}: the bands of a filter gradient cover all rows and keep its loops short`, () => {
    fc.assert(
      fc.property(anyBlock, (block) => {
        const { inputs, outputs, bandRows, threads } = preset.filterGradient(block);
        assertDivides(outputs, block.filters);
        assert(inputs === 1 || inputs === 4);
        assert(threads <= WORKGROUP_THREADS);
        assert(Number.isInteger(bandRows) && bandRows >= 1 && bandRows <= block.pooled, `${bandRows} rows`);
        assert(bandRows * block.pooled <= 65535, `${bandRows * block.pooled} turns`);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  Deno.test(`${name}: a dense row is cut into no more parts than it has vectors, none of them too long for a loop`, () => {
    fc.assert(
      fc.property(anyDense, (layer) => {
        const { images, splits, threads } = preset.dense(layer);
        assert(images >= 1 && threads <= WORKGROUP_THREADS);
        assert(Number.isInteger(splits) && splits >= 1 && splits <= layer.inputQuads, `${splits} parts`);
        assert(Math.ceil(layer.inputQuads / splits) <= 65535);
      }),
      { seed: 1, numRuns: 300 },
    );
  });
}
