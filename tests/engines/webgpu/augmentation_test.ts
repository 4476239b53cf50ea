// The device's augmentation against the one of worker/augmentation.ts, from the same bytes and maps.
import { assert, assertEquals, assertLess } from "@std/assert";
import { type Affine, augmentationMap, drawAugmentation, resample } from "../../../worker/augmentation.ts";
import { augment, imageWords } from "../../../worker/webgpu/kernels/augment.ts";
import { whole } from "../../../worker/webgpu/kernels/dispatch.ts";
import { HAS_WEBGPU, noiseSample } from "../../fixtures/engines.ts";
import { bufferFor, runKernel, sampleRecords } from "../../fixtures/kernels.ts";

const IDENTITY: Affine = [1, 0, 0, 0, 1, 0];

/** The images as the first block reads them, without the fourth channel. */
async function augmented(size: number, images: readonly Uint8Array[], maps: readonly Affine[]): Promise<Float32Array> {
  const bytes = new Uint8Array(4 * (images.length * imageWords(size) + 1));
  images.forEach((image, i) => bytes.set(image, 4 * i * imageWords(size)));
  const records = sampleRecords(maps.map((map) => ({ key: undefined, label: 0, map })));
  const [pixels, samples] = [bufferFor("pixels", bytes), bufferFor("samples", records)];
  const target = { name: "images", bytes: 16 * images.length * size ** 2 };
  const kernel = augment({
    images: images.length,
    size,
    pixels: whole(pixels),
    samples: whole(samples),
    target: whole(target),
    threads: 64,
  });
  const vectors = new Float32Array(await runKernel(kernel, [[pixels, bytes], [samples, records]], target));
  assert(vectors.every((value, i) => i % 4 < 3 || value === 0), "the fourth channel is empty");
  return vectors.filter((_, i) => i % 4 < 3);
}

// Sizes whose images do and do not fill whole words of bytes.
for (const size of [24, 17, 31]) {
  Deno.test({
    name: `images of ${size} px are resampled as worker/augmentation.ts does it (skips without adapter)`,
    ignore: !HAS_WEBGPU,
    async fn() {
      const images = Array.from({ length: 12 }, (_, id) => noiseSample(size, id).pixels);
      const maps = images.map((_, id) => augmentationMap(drawAugmentation(5, 2, id), size));
      // Far outside, where the image is reflected more than once.
      maps[0] = [1, 0, -3.3 * size, 0, 1, 2.6 * size];
      const actual = await augmented(size, images, maps);
      images.forEach((image, i) => {
        const expected = new Float32Array(image.length);
        resample(image, expected, { size, map: maps[i]!, scale: 1 / 255 });
        expected.forEach((value, at) =>
          // A coordinate of float32 is right to 10⁻⁵ of a pixel.
          assertLess(Math.abs(actual[i * image.length + at]! - value), 3e-5, `image ${i}, value ${at}`)
        );
      });
    },
  });

  Deno.test({
    name: `images of ${size} px that are not augmented are their own bytes over 255 (skips without adapter)`,
    ignore: !HAS_WEBGPU,
    async fn() {
      const images = [0, 1, 2].map((id) => noiseSample(size, id).pixels);
      const actual = await augmented(size, images, images.map(() => IDENTITY));
      const expected = images.flatMap((image) => Array.from(image, (byte) => Math.fround(byte * Math.fround(1 / 255))));
      assertEquals(actual.findIndex((value, i) => value !== expected[i]), -1, "the first value with other bits");
    },
  });
}
