import { assertEquals } from "@std/assert";
import { describeDataset, describeProgress, progressLines } from "../../../data/describe.ts";
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
  assertEquals(
    describeProgress(bytes, { etaSeconds: 185, rate: 8e5 }),
    "Fetching a.zip: 1.5 MB of 149.6 MB, 800.0 kB/s, ETA 3 min 05 s",
  );
  const images = { done: 3, total: 1283, unit: "images" } as const;
  assertEquals(
    describeProgress({ ...images, phase: "decode", file: "b.png" }, { etaSeconds: 2.4, rate: 531.7 }),
    "Decoding b.png: 3 of 1283 images, 532 images/s, ETA 2 s",
  );
  assertEquals(
    describeProgress({ ...images, phase: "draw" }, { etaSeconds: NaN, rate: NaN }),
    "Drawing: 3 of 1283 images, ETA –",
  );
});

Deno.test("progressLines() tells the rate of all images so far, whatever they are called, and the time left", () => {
  let now = 0;
  const lineOf = progressLines(() => now);
  const line = (phase: "decode" | "download", done: number, file: string) => {
    now += 1000;
    return lineOf({ phase, done, total: 100, unit: phase === "decode" ? "images" : "bytes", file });
  };
  assertEquals(line("download", 40, "a.zip"), "Fetching a.zip: 0.0 kB of 0.1 kB, ETA –");
  assertEquals(line("download", 60, "a.zip"), "Fetching a.zip: 0.1 kB of 0.1 kB, 0.0 kB/s, ETA 2 s");
  assertEquals(line("decode", 1, "a.png"), "Decoding a.png: 1 of 100 images, ETA –");
  assertEquals(line("decode", 4, "b.png"), "Decoding b.png: 4 of 100 images, 3.0 images/s, ETA 32 s");
  assertEquals(line("decode", 51, "c.png"), "Decoding c.png: 51 of 100 images, 25 images/s, ETA 2 s");
});

Deno.test("describeDataset() warns of test images that are training images, three by name, and counts repeated ones", () => {
  const pair = (i: number) => ({ train: `train/${i}.png`, test: `test/${i}.png` });
  const lines = (across: number, within: { train: number; test: number }) => {
    const files = Array.from({ length: Math.min(10, across) }, (_, i) => pair(i));
    return describeDataset({ ...info, duplicates: { across, files, within } }, { limit: null }).slice(2);
  };
  assertEquals(lines(0, { train: 0, test: 0 }), []);
  assertEquals(lines(1, { train: 0, test: 0 }), [
    "        THE TEST SET IS NOT INDEPENDENT: 1 test image is in the training set (test/0.png is train/0.png): remove them.",
  ]);
  const names = "test/0.png is train/0.png, test/1.png is train/1.png, test/2.png is train/2.png";
  assertEquals(lines(12, { train: 1, test: 0 }), [
    `        THE TEST SET IS NOT INDEPENDENT: 12 test images are in the training set (${names} and 9 more): remove them.`,
    "        Repeated within their split: 1 training image and 0 test images.",
  ]);
});
