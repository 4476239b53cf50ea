import { assertEquals } from "@std/assert";
import { describeDataset, describeProgress } from "../../../data/describe.ts";
import type { DatasetInfo } from "../../../data/mod.ts";

const info: DatasetInfo = {
  name: "horses-or-humans",
  classes: ["horses", "humans"],
  imageSize: 300,
  channels: 3,
  train: 1027,
  test: 256,
  classCounts: { horses: [500, 128], humans: [527, 128] },
  sha256: "0123456789abcdef".repeat(4),
  skipped: { count: 0, files: [] },
};

Deno.test("describeDataset() tells size, shape, classes, hash and limit", () => {
  const first = "Data    horses-or-humans: 1027 training and 256 test images of 300×300×3 " +
    "(horses 500 + 128, humans 527 + 128)";
  assertEquals(describeDataset(info, { limit: null }), [first, "        sha256 0123456789abcdef…"]);
  assertEquals(describeDataset(info, { limit: 64 })[1], "        sha256 0123456789abcdef…; --limit takes 64 of them");
});

Deno.test("describeDataset() tells which images were left out, ten of them by name", () => {
  const left = (count: number) => {
    const files = Array.from({ length: Math.min(count, 20) }, (_, i) => `${i}.png`);
    return describeDataset({ ...info, skipped: { count, files } }, { limit: null })[2];
  };
  assertEquals(left(0), undefined);
  assertEquals(left(1), "        Left out as unreadable: 1 image (0.png).");
  const names = "0.png, 1.png, 2.png, 3.png, 4.png, 5.png, 6.png, 7.png, 8.png, 9.png";
  assertEquals(left(10), `        Left out as unreadable: 10 images (${names}).`);
  assertEquals(left(5000), `        Left out as unreadable: 5000 images (${names} and 4990 more).`);
});

Deno.test("describeProgress() tells what is done, how much of it, and the time left", () => {
  const bytes = { phase: "download", done: 1.5e6, total: 149_574_867, unit: "bytes", file: "a.zip" } as const;
  assertEquals(describeProgress(bytes, 185), "Fetching a.zip: 1.5 MB of 149.6 MB, ETA 3 min 05 s");
  const images = { done: 3, total: 1283, unit: "images" } as const;
  assertEquals(
    describeProgress({ ...images, phase: "decode", file: "b.png" }, 2.4),
    "Decoding b.png: 3 of 1283 images, ETA 2 s",
  );
  assertEquals(describeProgress({ ...images, phase: "draw" }, NaN), "Drawing: 3 of 1283 images, ETA –");
});
