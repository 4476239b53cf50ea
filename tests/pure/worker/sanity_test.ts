import { assertEquals, assertThrows } from "@std/assert";
import type { ComputeConfig } from "../../../shared/config.ts";
import { HerdError } from "../../../shared/errors.ts";
import { builtInModel } from "../../../shared/model.ts";
import { refuseUntrainable } from "../../../worker/sanity.ts";

/** A config for so many classes, with so many weights. */
function config(classes: number, classWeights: number[]): ComputeConfig {
  const travel = { compress: "none", compressGradients: false } as const;
  return {
    dataset: "",
    model: builtInModel("tiny", 22, classes),
    classWeights,
    batchSize: 8,
    microBatch: 2,
    ...travel,
  };
}

Deno.test("refuseUntrainable() takes a weight a class, and refuses more or fewer", () => {
  for (const [classes, weights] of [[2, [1, 2]], [3, [1, 2, 3]]] as const) {
    refuseUntrainable(config(classes, [...weights]));
    for (const other of [[], weights.slice(1), [...weights, 1]]) {
      const error = assertThrows(() => refuseUntrainable(config(classes, other)), HerdError);
      const what = `${other.length} class weights for ${classes} classes`;
      assertEquals(error.message, `The coordinator asks for what cannot be trained here (${what})`);
    }
  }
});
