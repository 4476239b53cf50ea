// The drawn data set: always the same pixels, and nothing to learn from colour.
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { join } from "node:path";
import { Canvas, covers, place, type Shape, turn } from "../../../data/canvas.ts";
import { Draws } from "../../../data/draws.ts";
import { horse, human, type Part } from "../../../data/figures.ts";
import { checkDataset, PackedDataset } from "../../../data/mod.ts";
import { drawImage, placed, proceduralSource } from "../../../data/procedural.ts";
import * as fixtures from "../../fixtures/data_files.ts";

const FEW = { train: [2, 2], test: [1, 1] } as const;

Deno.test({
  name: "the drawn images have a fixed hash",
  ignore: fixtures.WITHOUT_FILES,
  fn: async () => {
    using directory = fixtures.temporaryDirectory();
    const path = join(directory.path, "x.herd");
    using source = proceduralSource(FEW);
    const { sha256, classCounts } = await fixtures.packTo(path, source, { imageSize: 300 });
    assertEquals(classCounts, { horses: [2, 1], humans: [2, 1] });
    assertEquals(sha256, "3ccfc6deaae341ab1de3b1424cab33a5b01ec1cc60a326595b66ec56df3c793b");
    assertEquals(
      (await fixtures.packTo(path, source, { imageSize: 64 })).sha256,
      "71136e6c8edc5caf8b8d005e73f88653409bc03b7541f62c679690c4b9c4bcf5",
    );
  },
});

Deno.test("every image is another one, whatever was drawn before it", () => {
  const image = (split: "train" | "test", id: number) => drawImage(split, id, 0).pixels;
  const [first, second, test] = [image("train", 0), image("train", 1), image("test", 0)];
  assertEquals(image("train", 0), first);
  assertNotEquals(first, second);
  assertNotEquals(first, test);
});

Deno.test({
  name: "the classes do not differ in mean colour, and a set where they do is noticed",
  ignore: fixtures.WITHOUT_FILES,
  fn: async () => {
    using directory = fixtures.temporaryDirectory();
    const path = join(directory.path, "drawn.herd");
    await fixtures.packTo(path, proceduralSource({ train: [250, 250], test: [128, 128] }), { imageSize: 24 });
    const { meanColourAccuracy, separatesByColour } = checkDataset(path);
    assert(!separatesByColour);
    assert(meanColourAccuracy >= 0.4 && meanColourAccuracy <= 0.6, `It is ${meanColourAccuracy}`);
    // Beside the drawn images, tinted ones: the same check must see the tint.
    using dataset = PackedDataset.open(path);
    const tinted = join(directory.path, "tinted.herd");
    const labels = { train: dataset.labels("train"), test: dataset.labels("test") };
    await fixtures.packTo(
      tinted,
      {
        ...proceduralSource(),
        labels,
        images: fixtures.imagesOf(dataset.info, (split, id) => {
          const red = 60 * labels[split][id]!;
          const pixels = dataset.read(split, id).map((value, i) => i % 3 === 0 ? (value >> 1) + red : value >> 1);
          return { width: 24, height: 24, pixels };
        }),
      },
      { imageSize: 24 },
    );
    const verdict = checkDataset(tinted);
    assert(verdict.meanColourAccuracy > 0.8 && verdict.separatesByColour);
  },
});

/** How many pixels a figure covers, and the box around them. */
function measure(figure: (draws: Draws) => Part[], id: number) {
  const draws = new Draws([id, 1]);
  const canvas = new Canvas(300);
  for (const { shape } of placed(figure(draws), draws)) canvas.paint(shape, [255, 255, 255]);
  const covered = Array.from({ length: 300 * 300 }, (_, i) => i).filter((i) => canvas.pixels[3 * i]! >= 128);
  const [xs, ys] = [covered.map((i) => i % 300), covered.map((i) => Math.floor(i / 300))];
  const extent = (values: number[]) => {
    const [least, most] = [Math.min(...values), Math.max(...values)];
    assert(least > 0 && most < 299, "A figure leaves the picture");
    return most - least;
  };
  return { area: covered.length, aspect: extent(xs) / extent(ys) };
}

Deno.test("figures stay in the picture; shape tells the classes apart, area does not", () => {
  const ids = Array.from({ length: 60 }, (_, id) => id);
  const [horses, humans] = [ids.map((id) => measure(horse, id)), ids.map((id) => measure(human, id))];
  const mean = (figures: { area: number }[]) => figures.reduce((sum, { area }) => sum + area, 0) / figures.length;
  // Uniform in 5000 … 13000: the mean of 60 has a deviation of 300.
  assert(Math.abs(mean(horses) - mean(humans)) < 1000, `Areas ${mean(horses)} and ${mean(humans)}`);
  const told = [...horses.map(({ aspect }) => aspect > 1.05), ...humans.map(({ aspect }) => aspect < 1.05)];
  assert(told.filter(Boolean).length >= 110, `Only ${told.filter(Boolean).length} of 120 told apart by aspect`);
});

Deno.test("covers() knows ellipses and limbs, place() moves them", () => {
  const ellipse: Shape = { kind: "ellipse", centre: { x: 1, y: 2 }, rx: 4, ry: 1, turn: turn(0) };
  assert(covers(ellipse, 5, 2) && covers(ellipse, 1, 1) && !covers(ellipse, 1, 3.1) && !covers(ellipse, 4.5, 2.9));
  // turn(1) is a quarter turn: x goes to y.
  const upright = place(ellipse, { mirror: false, turn: turn(1), scale: 2, shift: { x: 100, y: 0 } });
  assert(
    covers(upright, 96, 9.9) && !covers(upright, 96, 10.1) && covers(upright, 97.9, 2) && !covers(upright, 98.1, 2),
  );
  const limb: Shape = { kind: "limb", from: { x: 0, y: 0 }, to: { x: 10, y: 0 }, r0: 2, r1: 1 };
  assert(
    covers(limb, -2, 0) && covers(limb, 5, 1.5) && !covers(limb, 5, 1.6) && covers(limb, 11, 0) &&
      !covers(limb, 11.1, 0),
  );
  const mirrored = place(limb, { mirror: true, turn: turn(0), scale: 1, shift: { x: 0, y: 0 } });
  assert(covers(mirrored, -11, 0) && !covers(mirrored, 3, 0));
  const point: Shape = { kind: "limb", from: { x: 1, y: 1 }, to: { x: 1, y: 1 }, r0: 1, r1: 1 };
  assert(covers(point, 1, 2) && !covers(point, 2, 2));
});
