// How fast a folder of images becomes a packed data set, on one core and on all, and the most memory that the process has then.
import { join } from "node:path";
import { encode } from "fast-png";
import jpeg from "jpeg-js";
import { openImageFiles } from "../../data/image_files.ts";
import { drawImage } from "../../data/procedural.ts";
import { toSquare } from "../../data/resize.ts";
import { filesBelow, packTo, sha256 } from "../fixtures/data_files.ts";
import type { Findings } from "./support.ts";

const CLASSES = ["horses", "humans"];
/** Of an image file. */
const SIDE = 150;
/** Figures that are drawn; the files are made of them, each with a pixel of its own. */
const DRAWN = 40;
const IMAGE_SIZE = 100;

/** A folder of so many images, JPEG and PNG by turns. */
function makeImages(root: string, count: number): void {
  const drawn = Array.from({ length: DRAWN }, (_, id) => {
    const rgb = toSquare(drawImage("train", id, id % CLASSES.length), SIDE);
    return Uint8Array.from({ length: SIDE * SIDE * 4 }, (_, i) => i % 4 === 3 ? 255 : rgb[(i >> 2) * 3 + i % 4]!);
  });
  for (const name of CLASSES) Deno.mkdirSync(join(root, name), { recursive: true });
  for (let i = 0; i < count; i++) {
    const data = drawn[i % DRAWN]!.slice();
    for (let byte = 0; byte < 3; byte++) data.fill(i >> 4 * byte & 15, byte, byte + 1);
    const isJpeg = i >> 1 & 1;
    const image = { width: SIDE, height: SIDE, data };
    const bytes = isJpeg ? jpeg.encode(image, 85).data : encode(image);
    Deno.writeFileSync(join(root, CLASSES[i % CLASSES.length]!, `${i}.${isJpeg ? "jpg" : "png"}`), bytes);
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
      await packTo(path, source, {
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
        hash: sha256(Deno.readFileSync(path)),
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
      ...isSame ? {} : { failure: "The packed files differ" },
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
