import { assertAlmostEquals, assertEquals } from "@std/assert";
import { confusionOf, MetricsAccumulator, rankingOf } from "../../../coordinator/experiment/metrics.ts";
import { predictedClass } from "../../../shared/predictions.ts";
import { float32, golden } from "../../fixtures/golden.ts";
import { granted } from "../../fixtures/permissions.ts";

Deno.test("predictedClass() takes p > 0.5, strictly, and the first largest of many", () => {
  assertEquals([0, 1e-30, -1e-30].map((logit) => predictedClass(Float32Array.of(logit))), [0, 1, 0]);
  assertEquals(predictedClass(Float32Array.of(1, 3, 3)), 1);
});

Deno.test({
  name: "MetricsAccumulator gives Keras's epoch loss and accuracy over batches of 128, …, 128, 3",
  ignore: !await granted("read"), // golden values are files
  fn() {
    const file = golden("epoch_metrics");
    const probabilities = float32(file, "probabilities");
    const labels = float32(file, "labels");
    const metrics = new MetricsAccumulator();
    for (let start = 0; start < 1027; start += 128) {
      const p = probabilities.subarray(start, start + 128);
      const y = labels.subarray(start, start + 128);
      metrics.add(p.map((p, i) => -Math.log(y[i] === 1 ? p : 1 - p)), p.map((p) => Math.log(p / (1 - p))), y);
    }
    assertAlmostEquals(metrics.result().loss, Number(file.metadata["loss"]), 2e-6);
    assertAlmostEquals(metrics.result().accuracy, Number(file.metadata["accuracy"]), 1e-7);
  },
});

Deno.test("rankingOf(): area under the curve and mean probability of two classes, from logits", () => {
  const logits = Float32Array.of(-1, 0, 0, 2);
  const labels = Uint8Array.of(0, 1, 0, 1);
  // Of four pairs three are right, and one is equal.
  assertEquals(rankingOf(logits, labels).testAuc, 3.5 / 4);
  const mean = (1 / (1 + Math.E) + 0.5 + 0.5 + 1 / (1 + Math.exp(-2))) / 4;
  assertAlmostEquals(rankingOf(logits, labels).testMeanProbability!, mean, 1e-12);
  assertEquals(rankingOf(Float32Array.of(0, 0, 0, 0), labels), { testAuc: 0.5, testMeanProbability: 0.5 });
  // Beyond what exp() can hold.
  assertEquals(rankingOf(Float32Array.of(-1e4, 1e4), Uint8Array.of(0, 1)), { testAuc: 1, testMeanProbability: 0.5 });
});

Deno.test("rankingOf(): no area where a class has no image, and no mean probability of more than two classes", () => {
  const one = rankingOf(Float32Array.of(1, 2), Uint8Array.of(1, 1));
  assertEquals([one.testAuc, one.testMeanProbability! > 0.7], [null, true]);
  assertEquals(rankingOf(new Float32Array(6), Uint8Array.of(0, 2)), { testAuc: null, testMeanProbability: null });
  const all = rankingOf(new Float32Array(9), Uint8Array.of(0, 2, 1));
  assertEquals(all, { testAuc: 0.5, testMeanProbability: null });
});

Deno.test("confusionOf() counts each class's samples by the class that they were taken for", () => {
  assertEquals(confusionOf(Float32Array.of(-1, 2, 0, 3), [0, 0, 1, 1]), [[1, 1], [1, 1]]);
  // The first largest of equal ones; a class without samples has a row of nothing.
  const logits = [[1, 0, 0], [0, 0, 2], [1, 1, 0], [0, 3, 1]].flat();
  assertEquals(confusionOf(Float32Array.from(logits), [0, 0, 2, 2]), [[1, 0, 1], [0, 0, 0], [1, 1, 0]]);
});
