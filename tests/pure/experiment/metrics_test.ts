import { assertAlmostEquals, assertEquals } from "@std/assert";
import { MetricsAccumulator, predictedClass } from "../../../coordinator/experiment/metrics.ts";
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
