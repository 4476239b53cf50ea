// The same leaf has the same bits: whenever, with whatever came before, in whatever node, and in an engine made for leaves of another
// size. Over tiles it has them where the driver does not fuse or reorder, which is tried on each adapter.
import { assert, assertEquals } from "@std/assert";
import { parameterTable } from "../../../shared/model.ts";
import { addInto, rootOf } from "../../../shared/tree.ts";
import type { Leaf } from "../../../worker/engine.ts";
import { describeAdapter, findAdapter } from "../../../worker/webgpu/adapter.ts";
import { GpuDevice } from "../../../worker/webgpu/device.ts";
import { sameBitsOverTiles } from "../../../worker/webgpu/same_bits.ts";
import { assertSameLastLeaf, assertSameSum, engineFor, type NetworkCase } from "../../fixtures/compare_engines.ts";
import {
  HAS_WEBGPU,
  leafPredictions,
  leafSum,
  noiseLeaves,
  sameBits,
  smallModel,
  sums,
  WEBGPU_ENGINES,
} from "../../fixtures/engines.ts";
import { weightsWithBiases } from "../../fixtures/networks.ts";

const SIZE = 37;
const LEAF = 5;
/** The same shapes as in other tests, so that a driver's cache has their kernels. */
const GIVEN: NetworkCase = { spec: smallModel(SIZE), leafSize: LEAF, seed: 1, augment: true };

for (const { name, ignore, create } of WEBGPU_ENGINES) {
  Deno.test({
    name: `${name}: 20 repeats have the same bits, whatever was computed between them (skips without adapter)`,
    ignore,
    async fn() {
      await using engine = await engineFor(create, GIVEN);
      const [leaf, other, last] = noiseLeaves(SIZE, [LEAF, LEAF, 3]) as [Leaf, Leaf, Leaf];
      const [first, firstLast] = [await leafSum(engine, leaf), await leafSum(engine, last)];
      const predicted = await leafPredictions(engine, leaf);
      assert(first.gradient.some((value) => value !== 0));
      for (let repeat = 1; repeat < 20; repeat++) {
        assertSameSum(await leafSum(engine, leaf), first);
        // What fills up a leaf is what lay there before: it must not show.
        if (repeat % 2 === 0) await leafSum(engine, other);
        assertSameSum(await leafSum(engine, last), firstLast);
        assert(sameBits((await leafPredictions(engine, leaf)).logits, predicted.logits), `prediction ${repeat}`);
      }
    },
  });

  Deno.test({
    name: `${name}: a leaf of 3 has the same bits as in an engine that is made for 3 (skips without adapter)`,
    ignore,
    async fn() {
      await using engine = await engineFor(create, GIVEN);
      await leafSum(engine, noiseLeaves(SIZE, [LEAF])[0]!);
      await assertSameLastLeaf(create, engine, GIVEN);
    },
  });

  Deno.test({
    name: `${name}: an image that overflowed does not enter the next leaf, which it fills up (skips without adapter)`,
    ignore,
    async fn() {
      const { spec } = GIVEN;
      const [kernel] = parameterTable(spec);
      const weights = weightsWithBiases(spec, 1).fill(3e38, kernel!.offset, kernel!.offset + kernel!.size);
      const leafOf = (count: number, byte: number): Leaf => ({
        index: 0,
        seed: 0,
        epoch: 1,
        samples: Array.from({ length: count }, (_, id) => ({
          id,
          label: 0,
          pixels: new Uint8Array(SIZE ** 2 * 3).fill(byte),
        })),
      });
      await using engine = await engineFor(create, GIVEN);
      engine.setWeights(weights);
      assert((await leafSum(engine, leafOf(LEAF, 255))).gradient.some(Number.isNaN));
      assert((await leafSum(engine, leafOf(3, 0))).gradient.every(Number.isFinite));
    },
  });

  Deno.test({
    name: `${name}: leaves in one node have the bits of the same leaves added on the host (skips without adapter)`,
    ignore,
    async fn() {
      const leaves = noiseLeaves(SIZE, [LEAF, LEAF, LEAF, LEAF, 2]);
      await using engine = await engineFor(create, GIVEN);
      const [root] = await sums(engine, 5, leaves, [rootOf(5)]);
      const nodes = leaves.map(({ index }) => ({ level: 0, index }));
      const single = (await sums(engine, 5, leaves, nodes)).map(({ gradient }) => gradient);
      const [a, b, c, d, e] = single as [Float32Array, Float32Array, Float32Array, Float32Array, Float32Array];
      addInto(a, b);
      addInto(c, d);
      addInto(a, c);
      addInto(a, e);
      assert(sameBits(a, root!.gradient));
      // Several nodes at once: the next is submitted while one is read.
      const pairs = await sums(engine, 5, leaves, [{ level: 1, index: 0 }, { level: 1, index: 1 }, {
        level: 0,
        index: 4,
      }]);
      const [left, right, rest] = pairs.map(({ gradient }) => gradient) as [Float32Array, Float32Array, Float32Array];
      addInto(left, right);
      addInto(left, rest);
      assert(sameBits(left, root!.gradient));
      assertEquals([...pairs.flatMap(({ logits }) => [...logits])], [...root!.logits]);
    },
  });
}

Deno.test({
  name:
    "webgpu: where the device does not add as the host does, the host adds, with the same bits (skips without adapter)",
  ignore: !HAS_WEBGPU,
  async fn() {
    const { create } = WEBGPU_ENGINES[0]!;
    const leaves = noiseLeaves(SIZE, [LEAF, LEAF, LEAF, LEAF, 2]);
    await using engine = await engineFor(create, GIVEN);
    const read = GpuDevice.prototype.read;
    let isProbed = false;
    GpuDevice.prototype.read = async function (...args) {
      const bytes = await read.apply(this, args);
      // The last bit of a sum is another.
      new Uint32Array(bytes)[0]! ^= 1;
      isProbed = true;
      return bytes;
    };
    try {
      await using host = await engineFor(create, GIVEN);
      assert(isProbed);
      const nodes = [{ level: 2, index: 0 }, { level: 0, index: 4 }];
      const [expected, actual] = [await sums(engine, 5, leaves, nodes), await sums(host, 5, leaves, nodes)];
      expected.forEach((sum, i) => assertSameSum(actual[i]!, sum));
    } finally {
      GpuDevice.prototype.read = read;
    }
  },
});

/** Adapters on which tiles are known to change no bits. */
const SAME_OVER_TILES = /llvmpipe/;
const adapter = await findAdapter();
const inWords = adapter ? describeAdapter(adapter) : "no adapter";

Deno.test({
  name:
    `webgpu: on ${inWords} every form and tile of the kernels gives the same bits (skips on adapters where it is not known)`,
  ignore: !SAME_OVER_TILES.test(inWords),
  async fn() {
    assert(await sameBitsOverTiles());
  },
});
