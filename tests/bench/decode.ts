// How fast a folder of images becomes a packed data set, on one core and on all, and the most memory that the process has then.
import { join } from "node:path";
import { encode } from "fast-png";
import jpeg from "jpeg-js";
import { openImageFiles } from "../../data/image_files.ts";
import { drawImage } from "../../data/procedural.ts";
import { toSquare } from "../../data/resize.ts";
import { filesBelow, packTo } from "../fixtures/data_files.ts";
import type { Findings } from "./support.ts";

const CLASSES = ["horses", "humans"];
/** Of an image file. */
const SIDE = 150;
/** Figures that are drawn, and written again and again. */
const DRAWN = 40;
const IMAGE_SIZE = 100;

/** A folder of so many images, JPEG and PNG by turns. */
function makeImages(root: string, count: number): void {
  const files = Array.from({ length: 2 * DRAWN }, (_, i) => {
    const id = i >> 1;
    const rgb = toSquare(drawImage("train", id, id % CLASSES.length), SIDE);
    const data = Uint8Array.from({ length: SIDE * SIDE * 4 }, (_, i) => i % 4 === 3 ? 255 : rgb[(i >> 2) * 3 + i % 4]!);
    const image = { width: SIDE, height: SIDE, data };
    return i % 2 === 0
      ? { ending: "png", bytes: encode(image) }
      : { ending: "jpg", bytes: jpeg.encode(image, 85).data };
  });
  for (const name of CLASSES) Deno.mkdirSync(join(root, name), { recursive: true });
  for (let i = 0; i < count; i++) {
    const { ending, bytes } = files[i % files.length]!;
    Deno.writeFileSync(join(root, CLASSES[(i >> 1) % CLASSES.length]!, `${i}.${ending}`), bytes);
  }
}

/** @param images how many */
export async function decode(images = 10_000): Promise<Findings> {
  const folder = await Deno.makeTempDir({ prefix: "herd-bench-" });
  try {
    const root = join(folder, "images");
    makeImages(root, images);
    const cores = navigator.hardwareConcurrency;
    const results = [];
    for (const threads of new Set([1, cores])) {
      using source = await openImageFiles(root);
      const path = join(folder, `${threads}.herd`);
      const before = Deno.memoryUsage().rss;
      let peak = before;
      const half = { rss: 0 };
      const started = performance.now();
      const { sha256: hash } = await packTo(path, source, {
        imageSize: IMAGE_SIZE,
        threads,
        onProgress({ done }) {
          if (done % 50 !== 0) return;
          const { rss } = Deno.memoryUsage();
          peak = Math.max(peak, rss);
          if (done <= images / 2) half.rss = peak;
        },
      });
      const seconds = (performance.now() - started) / 1000;
      results.push({
        threads,
        rate: images / seconds,
        before,
        half: half.rss,
        peak,
        hash,
      });
    }
    const isSame = new Set(results.map(({ hash }) => hash)).size === 1;
    const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);
    return {
      title: `Packing ${
        filesBelow(root).length
      } images of ${SIDE} × ${SIDE}, half JPEG and half PNG, at ${IMAGE_SIZE} px`,
      columns: ["threads", "images/s", "MB before", "MB at half", "MB at most"],
      rows: results.map(({ threads, rate, before, half, peak }) => [
        `${threads}`,
        rate.toFixed(0),
        megabytes(before),
        megabytes(half),
        megabytes(peak),
      ]),
      data: results,
      ...isSame ? {} : { failure: "The data sets differ" },
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
