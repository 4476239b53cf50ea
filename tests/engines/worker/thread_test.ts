// A device in a thread of its own, as the session sees it. One second.
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { ComputeConfig } from "../../../shared/config.ts";
import { HerdError } from "../../../shared/errors.ts";
import type { LeafOrder } from "../../../shared/order_computer.ts";
import { builtInModel } from "../../../shared/model.ts";
import { DeviceLost } from "../../../worker/device_lost.ts";
import { ThreadComputer } from "../../../worker/thread/mod.ts";
import type { ThreadFault } from "../../fixtures/thread_entry.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("read"); // a thread loads its modules itself
const ENTRY = new URL("../../fixtures/thread_entry.ts", import.meta.url);
const CONFIG: ComputeConfig = {
  dataset: "d",
  model: builtInModel("tiny", 22),
  batchSize: 8,
  microBatch: 2,
  compress: "none",
  compressGradients: false,
};
/** Leaves 1 to 6 of 8: subtrees of 1, 2, 2 and 1 leaves. */
const ORDER: LeafOrder = {
  seed: 0,
  epoch: 1,
  leafCount: 8,
  range: { start: 1, end: 7 },
  samples: [[10], [11], [12, 13], [14], [15], [16]],
};
const WEIGHTS = Float32Array.of(1, 3);

/** @param heard what the thread has said, in order: "leaf", or what it does */
function open(fault: ThreadFault = {}, heard: string[] = []): Promise<ThreadComputer> {
  const run = {
    config: CONFIG,
    probeKey: "0123456789abcdef",
    onLeaf: () => void heard.push("leaf"),
    onProgress: (text: string) => void heard.push(text),
  };
  return ThreadComputer.open({ engine: "simd", run, path: Promise.resolve(JSON.stringify(fault)), entry: ENTRY });
}

const never = () => new AbortController().signal;
/** Lets the thread do all that it may. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 100));

Deno.test(
  "a thread computes what it is ordered, with the weights it was given, and tells of each leaf",
  { ignore },
  async () => {
    const heard: string[] = [];
    await using computer = await open({}, heard);
    const { engine, adapter, fingerprint, leafMilliseconds } = computer;
    assertEquals([engine, adapter, fingerprint, leafMilliseconds], ["simd", "a thread", "f".repeat(64), 5]);
    const weights = WEIGHTS.slice();
    computer.setWeights(weights);
    assertEquals(weights, WEIGHTS, "the session's weights stay its own");
    const sums = [];
    for await (const { node, gradient, logits } of computer.gradients(ORDER, never())) {
      sums.push([node.level, node.index, [...gradient], [...logits]]);
    }
    assertEquals(sums, [
      [0, 1, [1, 1], [10]],
      [1, 1, [1, 2], [11, 12, 13]],
      [1, 2, [1, 4], [14, 15]],
      [0, 6, [1, 6], [16]],
    ]);
    assertEquals(heard.filter((what) => what === "leaf").length, 6);
    computer.setWeights(Float32Array.of(7, 8));
    const predictions = await Array.fromAsync(computer.evaluate(ORDER, never()));
    assertEquals(predictions.map(({ losses, logits }) => [[...losses], [...logits]]), [
      [[8], [10]],
      [[8], [11]],
      [[8, 8], [12, 13]],
      [[8], [14]],
      [[8], [15]],
      [[8], [16]],
    ]);
  },
);

Deno.test("a thread begins to compile while the data set is still on its way", { ignore }, async () => {
  const data = Promise.withResolvers<string>();
  const begun = Promise.withResolvers<string>();
  const run = { config: CONFIG, probeKey: "", onLeaf() {}, onProgress: begun.resolve };
  const opened = ThreadComputer.open({ engine: "webgpu", run, path: data.promise, entry: ENTRY });
  assertEquals(await begun.promise, "compiling for webgpu");
  data.resolve("{}");
  await using computer = await opened;
  assertEquals(computer.engine, "webgpu");
});

Deno.test("a data set that does not come ends the thread with the reason", { ignore }, async () => {
  const path = Promise.reject(new HerdError("cluster", "The line is dead"));
  const run = { config: CONFIG, probeKey: "", onLeaf() {}, onProgress() {} };
  await assertRejects(
    () => ThreadComputer.open({ engine: "simd", run, path, entry: ENTRY }),
    HerdError,
    "The line is dead",
  );
});

Deno.test("a thread is at most one answer ahead of what it has been asked for", { ignore }, async () => {
  for (const task of ["gradients", "evaluate"] as const) {
    const heard: string[] = [];
    await using computer = await open({}, heard);
    computer.setWeights(WEIGHTS);
    const answers = computer[task](ORDER, never());
    for (let asked = 1; asked <= 3; asked++) {
      await answers.next();
      await settle();
      assertEquals(heard.filter((what) => what.startsWith("answer")).at(-1), `answer ${asked + 1}`);
    }
    await answers.return(undefined);
  }
});

Deno.test(
  "an order that nobody wants any more ends between two leaves, and the next one is computed",
  { ignore },
  async () => {
    const heard: string[] = [];
    await using computer = await open({}, heard);
    computer.setWeights(WEIGHTS);
    const large: LeafOrder = {
      ...ORDER,
      leafCount: 256,
      range: { start: 0, end: 256 },
      samples: Array.from({ length: 256 }, () => [0]),
    };
    const unwanted = new AbortController();
    const sum = Array.fromAsync(computer.gradients(large, unwanted.signal));
    while (heard.length < 3) await new Promise((resolve) => setTimeout(resolve, 1));
    const reason = new Error("unwanted");
    unwanted.abort(reason);
    assertEquals(await assertRejects(() => sum), reason);
    const leaves = heard.filter((what) => what === "leaf").length;
    assert(leaves < 256, `all ${leaves} leaves were computed`);
    await assertRejects(() => Array.fromAsync(computer.gradients(large, unwanted.signal)));
    assertEquals((await Array.fromAsync(computer.gradients(ORDER, never()))).length, 4);
  },
);

Deno.test(
  "an answer after which nobody asks for more leaves the thread ready for the next order",
  { ignore },
  async () => {
    await using computer = await open();
    computer.setWeights(WEIGHTS);
    for (let round = 0; round < 3; round++) {
      for await (const { gradient } of computer.gradients(ORDER, never())) {
        assertEquals([...gradient], [1, 1]);
        break;
      }
    }
    assertEquals((await Array.fromAsync(computer.evaluate(ORDER, never()))).length, 6);
  },
);

Deno.test("an error in a thread keeps its kind and its sentence, and the thread goes on", { ignore }, async () => {
  const cases = [
    { fault: "data", kind: HerdError, code: "data", sentence: "The images cannot be read" },
    { fault: "lost", kind: DeviceLost, code: "cluster", sentence: "The device was lost" },
    { fault: "bug", kind: Error, code: undefined, sentence: "a bug of the engine" },
  ] as const;
  for (const { fault, kind, code, sentence } of cases) {
    await using computer = await open({ fault });
    computer.setWeights(WEIGHTS);
    const error = await assertRejects(() => Array.fromAsync(computer.gradients(ORDER, never())), kind, sentence);
    assertEquals("code" in error ? error.code : undefined, code);
    if (fault === "bug") assertStringIncludes(error.stack!, "thread_entry.ts");
    assertEquals(error instanceof DeviceLost, fault === "lost");
    computer.setWeights(Float32Array.of(2, 2));
    assertEquals((await Array.fromAsync(computer.gradients(ORDER, never()))).length, 4);
  }
});

Deno.test("weights that the device refuses are an error of the next order", { ignore }, async () => {
  await using computer = await open();
  computer.setWeights(new Float32Array(3));
  await assertRejects(() => Array.fromAsync(computer.gradients(ORDER, never())), Error, "Got 3 weights");
});

Deno.test("a thread that dies is an error and never a hang: in an order, before the next one, and at the start", {
  ignore,
}, async () => {
  {
    await using computer = await open({ fault: "dies" });
    computer.setWeights(WEIGHTS);
    for (let round = 0; round < 2; round++) {
      const order = () => Array.fromAsync(computer.gradients(ORDER, never()));
      const error = await assertRejects(order, HerdError, "The device's thread has died: ");
      assertStringIncludes(error.message, "out of the blue");
    }
  }
  const run = { config: CONFIG, probeKey: "", onLeaf() {}, onProgress() {} };
  const entry = new URL("./no_such_module.ts", import.meta.url);
  const path = Promise.resolve("{}");
  const start = () => ThreadComputer.open({ engine: "simd", run, path, entry });
  await assertRejects(start, HerdError, "The device's thread has died: ");
});

Deno.test("a thread gives its device back before it ends, and one that hangs is ended", { ignore }, async () => {
  const heard: string[] = [];
  {
    await using computer = await open({}, heard);
    computer.setWeights(WEIGHTS);
  }
  assertEquals(heard.at(-1), "disposed of");
  const hanging = await open({ fault: "hangs" });
  hanging.setWeights(WEIGHTS);
  const answers = hanging.gradients(ORDER, never());
  assertEquals((await answers.next()).done, false); // the first leaf; the second hangs
  await hanging[Symbol.asyncDispose]();
  await assertRejects(() => answers.next(), HerdError, "ended");
});
