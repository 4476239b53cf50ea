import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "fast-check";
import { calibration } from "../../../coordinator/statistics/calibration.ts";

Deno.test("calibration of four images, by hand", () => {
  const probabilities = [[0.25, 0.75], [0.1, 0.9], [0.28, 0.72], [0, 1]];
  const { bins, expectedError, brier } = calibration(probabilities, [1, 1, 0, 1], [1, 1, 1, 1]);
  // 0.75 and 0.72 are in one bin, of which one is right; 0.9 is in the next, 1 in the last.
  const filled = bins.filter(({ images }) => images > 0).map(({ low, high, images, accuracy }) =>
    [low, high, images, accuracy] as const
  );
  assertEquals(filled, [[0.7, 0.8, 2, 0.5], [0.8, 0.9, 1, 1], [0.9, 1, 1, 1]]);
  assertAlmostEquals(bins[7]!.confidence!, 0.735, 1e-12);
  assertAlmostEquals(expectedError, (2 * 0.235 + 0.1 + 0) / 4, 1e-12);
  assertAlmostEquals(brier, (0.25 ** 2 + 0.1 ** 2 + 0.72 ** 2 + 0) / 4, 1e-12);
});

Deno.test("the Brier score of more than two classes is summed over them", () => {
  const { brier } = calibration([[0.5, 0.3, 0.2], [0, 0, 1]], [0, 1], [0, 2]);
  assertAlmostEquals(brier, ((0.25 + 0.09 + 0.04) + (0 + 1 + 1)) / 2, 1e-12);
});

Deno.test("every image is in one bin, of its confidence; whoever is sure and right is calibrated", () => {
  const image = fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.boolean());
  fc.assert(fc.property(fc.array(image, { minLength: 1, maxLength: 50 }), (images) => {
    const probabilities = images.map(([p]) => [1 - p, p]);
    const predicted = images.map(([p]) => p > 0.5 ? 1 : 0);
    const labels = images.map(([, isSecond]) => isSecond ? 1 : 0);
    const { bins, expectedError, brier } = calibration(probabilities, labels, predicted);
    assertEquals(bins.length, 10);
    assertEquals(bins.reduce((sum, { images }) => sum + images, 0), images.length);
    for (const { low, high, confidence } of bins) {
      assert(confidence === null || (confidence > low - 1e-9 && confidence < high + 1e-9), `${low} ${confidence}`);
    }
    assert(expectedError >= 0 && expectedError <= 1 && brier >= 0 && brier <= 1);
  }));
  const sure = calibration([[0, 1], [1, 0]], [1, 0], [1, 0]);
  assertEquals([sure.expectedError, sure.brier], [0, 0]);
});
