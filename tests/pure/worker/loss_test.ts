import { assertAlmostEquals, assertEquals } from "@std/assert";
import { lossesOf } from "../../../worker/loss.ts";

Deno.test("lossesOf() is binary cross entropy for one class, finite where the probability saturates", () => {
  const logits = Float32Array.of(0, 2, 2, -100, 100, 100);
  const losses = lossesOf(logits, [1, 1, 0, 1, 1, 0], 1);
  const p = 1 / (1 + Math.exp(-2));
  const expected = [Math.LN2, -Math.log(p), -Math.log(1 - p), 100, 0, 100];
  losses.forEach((loss, i) => assertAlmostEquals(loss, expected[i]!, 1e-7 * Math.max(1, expected[i]!), `sample ${i}`));
});

Deno.test("lossesOf() is softmax cross entropy for more classes, whatever is added to all logits", () => {
  const expected = Math.log(1 + Math.exp(1) + Math.exp(2)) - 1;
  const losses = lossesOf(Float32Array.of(0, 1, 2, 1000, 1001, 1002), [1, 1], 3);
  for (const loss of losses) assertAlmostEquals(loss, expected, 1e-7);
});

Deno.test("lossesOf() keeps what is not finite, so that divergence is seen", () => {
  const losses = lossesOf(Float32Array.of(NaN, Infinity, -Infinity), [1, 0, 1], 1);
  assertEquals([...losses].filter(Number.isFinite), []);
});
