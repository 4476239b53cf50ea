import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { HerdError } from "../../../shared/errors.ts";
import { builtInModel, parameterCount } from "../../../shared/model.ts";
import { engineMemory } from "../../../worker/memory.ts";
import { createSimdEngine } from "../../../worker/simd/mod.ts";

Deno.test("a worker of simd is planned with the memory that its engine takes, whose parts add up", async () => {
  const spec = builtInModel("tiny", 40);
  const [microBatch, batchSize, leaves] = [4, 30, 8];
  const made: number[] = [];
  const { Memory } = WebAssembly;
  class Heard extends Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super(descriptor);
      made.push(this.buffer.byteLength);
    }
  }
  WebAssembly.Memory = Heard;
  try {
    await using _ = await createSimdEngine({ spec, microBatch, leaves, augment: true });
  } finally {
    WebAssembly.Memory = Memory;
  }
  const { weights, gradients, leaf, total } = (await engineMemory("simd", { spec, microBatch, batchSize }))!;
  assertEquals([total], made);
  assertEquals([weights, weights + gradients + leaf], [4 * parameterCount(spec), total]);
  assert(gradients >= 4 * weights && leaf > 0); // a sum a depth of the tree over 8 leaves
  assertEquals(await engineMemory("tfjs-cpu", { spec, microBatch, batchSize }), undefined);
});

Deno.test("micro-batches beyond 4 GiB are refused before there is a worker, in a sentence", async () => {
  const spec = builtInModel("keras-example", 1000);
  const planned = (microBatch: number) => engineMemory("simd", { spec, microBatch, batchSize: 128 });
  assert((await planned(32))!.total < 2 ** 32);
  const { code, message } = await assertRejects(() => planned(128), HerdError);
  assertEquals(code, "usage");
  assertStringIncludes(message, "Micro-batches of 128 at 1000 px need ");
  assertStringIncludes(message, "a worker of simd has 4.3 GB at most: use a smaller --micro-batch");
});
