import { assert, assertAlmostEquals, assertEquals, assertLess } from "@std/assert";
import {
  type Affine,
  augmentationMap,
  compose,
  drawAugmentation,
  reflect,
  resample,
  rotation,
  zooming,
} from "../../../worker/augmentation.ts";
import { float32, golden } from "../../fixtures/golden.ts";
import { granted } from "../../fixtures/permissions.ts";

const SIZE = 60;

for (const kind of ["rotate", "zoom"] as const) {
  Deno.test({
    name: `resample() gives Keras' values for ${kind} (skips without read permission)`,
    ignore: !await granted("read"),
    fn() {
      const file = golden("augmentation");
      const image = float32(file, "image");
      const parameters = JSON.parse(file.metadata.parameters!) as Record<string, number>;
      for (let i = 0; i < 4; i++) {
        const parameter = parameters[`${kind}/${i}`]!;
        const map = kind === "rotate" ? rotation(parameter * Math.PI / 180, SIZE) : zooming(parameter, SIZE);
        const actual = new Float32Array(image.length);
        resample(image, actual, { size: SIZE, map, scale: 1 });
        const expected = float32(file, `${kind}/${i}`);
        const worst = expected.reduce((most, value, at) => Math.max(most, Math.abs(value - actual[at]!)), 0);
        assertLess(worst, 2e-6, `${kind} by ${parameter}`);
      }
    },
  });
}

Deno.test("drawAugmentation() is a pure function of seed, epoch and sample, with the ranges of the Keras layers", () => {
  const draws = Array.from({ length: 2000 }, (_, id) => drawAugmentation(1, 2, id));
  assertEquals(drawAugmentation(1, 2, 77), draws[77]!);
  for (const other of [drawAugmentation(2, 2, 77), drawAugmentation(1, 3, 77), drawAugmentation(1, 2, 78)]) {
    assert(other.angle !== draws[77]!.angle && other.zoom !== draws[77]!.zoom);
  }
  const angles = draws.map(({ angle }) => angle * 180 / Math.PI);
  assert(
    Math.min(...angles) >= -108 && Math.min(...angles) < -106 && Math.max(...angles) <= 108 &&
      Math.max(...angles) > 106,
  );
  const zooms = draws.map(({ zoom }) => zoom);
  assert(
    Math.min(...zooms) >= 0.8 && Math.min(...zooms) < 0.802 && Math.max(...zooms) <= 1.2 && Math.max(...zooms) > 1.198,
  );
  // Two independent coins: each of the four outcomes about a quarter of the time (standard deviation 1 %).
  for (const [horizontal, vertical] of [[false, false], [false, true], [true, false], [true, true]]) {
    const share = draws.filter((d) => d.flipHorizontal === horizontal && d.flipVertical === vertical).length / 2000;
    assertAlmostEquals(share, 0.25, 0.05);
  }
});

Deno.test("augmentationMap() flips first, then rotates, then zooms", () => {
  const draws = { flipHorizontal: true, flipVertical: false, angle: 0.4, zoom: 1.1 };
  const at = ([a, b, c, d, e, f]: Affine, [x, y]: readonly [number, number]) =>
    [a * x + b * y + c, d * x + e * y + f] as const;
  // Output reads through the last map first.
  const expected = at([-1, 0, SIZE - 1, 0, 1, 0], at(rotation(0.4, SIZE), at(zooming(1.1, SIZE), [7, 31])));
  const actual = at(augmentationMap(draws, SIZE), [7, 31]);
  assertAlmostEquals(actual[0], expected[0], 1e-4);
  assertAlmostEquals(actual[1], expected[1], 1e-4);
});

Deno.test("resample() through a flip moves pixels and changes none", () => {
  const source = Uint8Array.from({ length: 4 * 4 * 3 }, (_, i) => i * 5);
  const target = new Float32Array(source.length);
  const draws = { flipHorizontal: true, flipVertical: true, angle: 0, zoom: 1 };
  resample(source, target, { size: 4, map: augmentationMap(draws, 4), scale: 1 });
  for (let pixel = 0; pixel < 16; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      assertAlmostEquals(target[pixel * 3 + channel]!, source[(15 - pixel) * 3 + channel]!, 1e-4);
    }
  }
});

Deno.test("reflect() mirrors about the pixel edge and clamps to the pixel centres", () => {
  const cases = [[-0.5, 0], [-1, 0], [-2, 1], [0, 0], [2.25, 2.25], [3, 3], [3.4, 3], [4, 3], [5, 2], [-5, 3], [9, 1]];
  for (const [coordinate, expected] of cases) {
    assertAlmostEquals(reflect(coordinate!, 4), expected!, 1e-12, `reflect(${coordinate})`);
  }
});

Deno.test("compose() with the identity changes nothing", () => {
  const map = rotation(1, SIZE);
  assertEquals(compose(map, [1, 0, 0, 0, 1, 0]), map);
});
