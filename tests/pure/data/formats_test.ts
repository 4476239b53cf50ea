// Every kind of image file: which way up it is, what is transparent, how it is interlaced, how its colours are coded.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { encode } from "fast-png";
import jpeg from "jpeg-js";
import { deflateSync } from "node:zlib";
import { bytesToDecode, decodeImage } from "../../../data/decode_image.ts";
import { orientationOf } from "../../../data/orientation.ts";
import { HerdError } from "../../../shared/errors.ts";
import * as bombs from "../../fixtures/bombs.ts";
import { noise } from "../../fixtures/data_files.ts";

const { pngChunk, pngHeader, pngOf } = bombs;

/** How blocks [[0, 1], [2, 3], [4, 5]] are to be seen under each orientation. */
const ORIENTED: readonly (readonly (readonly number[])[])[] = [
  [[0, 1], [2, 3], [4, 5]],
  [[1, 0], [3, 2], [5, 4]],
  [[5, 4], [3, 2], [1, 0]],
  [[4, 5], [2, 3], [0, 1]],
  [[0, 2, 4], [1, 3, 5]],
  [[4, 2, 0], [5, 3, 1]],
  [[5, 3, 1], [4, 2, 0]],
  [[1, 3, 5], [0, 2, 4]],
];

/** RGBA of 2 × 3 blocks of `side` × `side` pixels, in greys 40 apart. */
function blocks(side: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: 24 * side ** 2 }, (_, i) => {
    const pixel = i >> 2;
    const [x, y] = [pixel % (2 * side), Math.floor(pixel / (2 * side))];
    return i % 4 === 3 ? 255 : 40 * (Math.floor(x / side) + 2 * Math.floor(y / side));
  });
}

/** The blocks of an image by the greys in their middles. */
async function blocksOf(bytes: Uint8Array, side: number): Promise<number[][]> {
  const { width, height, pixels } = await decodeImage(bytes, "x");
  return Array.from({ length: height / side }, (_, row) =>
    Array.from({ length: width / side }, (_, column) => {
      const at = (row * side + (side >> 1)) * width + column * side + (side >> 1);
      return Math.round(pixels[at * 3]! / 40);
    }));
}

for (const [i, expected] of ORIENTED.entries()) {
  Deno.test(`an image with orientation ${i + 1} is turned upright: JPEG, PNG and WebP`, async () => {
    const orientation = i + 1;
    const plain = new Uint8Array(jpeg.encode({ width: 16, height: 24, data: blocks(8) }, 95).data);
    for (const little of [true, false]) {
      const exif = bombs.concat(new TextEncoder().encode("Exif\0\0"), bombs.exifOf(orientation, { little }));
      const photo = bombs.jpegWith(plain, 2, bombs.jpegSegment(0xe1, exif));
      assertEquals(await blocksOf(photo, 8), expected);
    }
    const png = new Uint8Array(encode({ width: 2, height: 3, data: blocks(1) }));
    const tagged = bombs.concat(png.subarray(0, 33), pngChunk("eXIf", bombs.exifOf(orientation)), png.subarray(33));
    assertEquals(await blocksOf(tagged, 1), expected);
    const upright = await decodeImage(bombs.webpLossless(), "x");
    const turned = await decodeImage(bombs.webpLossless(bombs.webpChunk("EXIF", bombs.exifOf(orientation))), "x");
    assertEquals([turned.width, turned.height], orientation < 5 ? [6, 4] : [4, 6]);
    // The stored image's first pixel is where block 0 is.
    const row = expected.findIndex((row) => row.includes(0));
    const at = (row && turned.height - 1) * turned.width + (expected[row]!.indexOf(0) && turned.width - 1);
    assertEquals(turned.pixels.subarray(at * 3, at * 3 + 3), upright.pixels.subarray(0, 3));
  });
}

Deno.test("EXIF data that makes no sense leaves an image as it is", () => {
  const sound = bombs.exifOf(6);
  assertEquals(orientationOf(sound), 6);
  for (let length = 0; length < 22; length++) assertEquals(orientationOf(sound.subarray(0, length)), 1);
  const changed = (at: number, value: number) => sound.map((byte, i) => i === at ? value : byte);
  const others = [changed(0, 0), changed(2, 43), changed(4, 255), changed(10, 0x13), changed(18, 9), changed(18, 0)];
  for (const exif of [undefined, ...others, bombs.exifOf(6, { type: 4 })]) assertEquals(orientationOf(exif), 1);
  assertEquals(orientationOf(changed(8, 200)), 6, "more entries are said than there are");
});

const PASSES = [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [
  0,
  1,
  1,
  2,
]] as const;
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** A PNG of noise of any kind, interlaced or not, with the same samples. */
function anyPng(
  { width, height, depth, colourType, interlace }: Parameters<typeof pngHeader>[0] & {
    depth: number;
    colourType: number;
  },
): Uint8Array<ArrayBuffer> {
  const channels = CHANNELS[colourType]!;
  const values = noise(width * height * channels * 2, width * 100 + height);
  const sample = (x: number, y: number, channel: number) => {
    const at = 2 * ((y * width + x) * channels + channel);
    return depth === 16 ? values[at]! * 256 + values[at + 1]! : values[at]! >> (8 - depth);
  };
  const rows = (interlace ? PASSES : [[0, 0, 1, 1]] as const).flatMap(([left, top, dx, dy]) => {
    const lines: number[] = [];
    for (let y = top; y < height && left < width; y += dy) {
      let bits = "";
      for (let x = left; x < width; x += dx) {
        for (let channel = 0; channel < channels; channel++) {
          bits += sample(x, y, channel).toString(2).padStart(depth, "0");
        }
      }
      const bytes = bits.match(/.{1,8}/g)!.map((byte) => parseInt(byte.padEnd(8, "0"), 2));
      lines.push(0, ...bytes);
    }
    return lines;
  });
  return pngOf(
    pngHeader({ width, height, depth, colourType, interlace: interlace ?? 0 }),
    ...colourType === 3 ? [pngChunk("PLTE", noise(3 * 2 ** depth, 5))] : [],
    pngChunk("IDAT", deflateSync(Uint8Array.from(rows))),
  );
}

Deno.test("an interlaced PNG is the same as one that is not, at every depth and colour type and at any size", async () => {
  const kinds = [[0, [1, 2, 4, 8, 16]], [2, [8, 16]], [3, [1, 2, 4, 8]], [4, [8, 16]], [6, [8, 16]]] as const;
  for (const [colourType, depths] of kinds) {
    for (const depth of depths) {
      for (const [width, height] of [[1, 1], [2, 3], [5, 4], [9, 17], [16, 8]] as const) {
        const kind = { width, height, depth, colourType };
        const plain = await decodeImage(anyPng(kind), "x");
        assertEquals(await decodeImage(anyPng({ ...kind, interlace: 1 }), "x"), plain, JSON.stringify(kind));
        assertEquals(plain.pixels.length, width * height * 3);
      }
    }
  }
});

Deno.test("the transparent colour of a PNG is white, whatever its depth, and other colours are themselves", async () => {
  const pixelsOf = async (header: Parameters<typeof pngHeader>[0], key: number[], row: number[]) => {
    const data = pngChunk("IDAT", deflateSync(Uint8Array.of(0, ...row)));
    return [...(await decodeImage(pngOf(pngHeader(header), pngChunk("tRNS", key), data), "x")).pixels];
  };
  const two = { width: 2, height: 1 };
  assertEquals(await pixelsOf(two, [0, 1, 0, 2, 0, 3], [1, 2, 3, 1, 2, 4]), [255, 255, 255, 1, 2, 4]);
  assertEquals(await pixelsOf({ ...two, colourType: 0, depth: 2 }, [0, 1], [0b01100000]), [
    255,
    255,
    255,
    170,
    170,
    170,
  ]);
  // Both are 1 of 255 when rounded.
  const deep = { ...two, colourType: 0, depth: 16 };
  assertEquals(await pixelsOf(deep, [1, 1], [1, 1, 1, 2]), [255, 255, 255, 1, 1, 1]);
  assertEquals(await pixelsOf(two, [1], [1, 2, 3, 1, 2, 4]), [1, 2, 3, 1, 2, 4], "a key that makes no sense");
});

Deno.test("a CMYK JPEG is refused in a sentence, one of red, green and blue is read as such", async () => {
  const plain = bombs.smallJpeg();
  const frame = bombs.segmentIn(plain, 0xc0);
  const cmyk = bombs.jpegWith(
    plain,
    frame,
    bombs.jpegSegment(0xc0, [8, 0, 8, 0, 8, 4, ...[1, 2, 3, 4].flatMap((id) => [id, 0x11, 0])]),
  );
  const error = await assertRejects(
    () => decodeImage(cmyk, "photo.jpg"),
    HerdError,
    "it is of CMYK colours: save it in RGB",
  );
  assert(error.message.startsWith("The image 'photo.jpg' is of a kind that is not read"));
  // Grey in YCbCr is (y, 128, 128), which as RGB is another colour.
  const data = new Uint8Array(256 * 4).fill(60);
  const grey = new Uint8Array(jpeg.encode({ width: 16, height: 16, data }, 100).data);
  const rgb = bombs.jpegWith(
    grey,
    2,
    bombs.jpegSegment(0xee, [...new TextEncoder().encode("Adobe"), 0, 100, 0, 0, 0, 0, 0]),
  );
  assertEquals([...(await decodeImage(grey, "x")).pixels.subarray(0, 3)], [60, 60, 60]);
  assertEquals([...(await decodeImage(rgb, "x")).pixels.subarray(0, 3)], [60, 128, 128]);
});

Deno.test("WebP is read: lossless to the bit, lossy nearly, on white where it is transparent", async () => {
  const onWhite = (value: number, alpha: number) => Math.floor((value * alpha + 255 * (255 - alpha) + 127) / 255);
  const exact = Array.from(
    { length: 24 },
    (_, pixel) => [0, 1, 2].map((channel) => onWhite((4 * pixel + channel) * 37 % 256, pixel % 3 === 0 ? 128 : 255)),
  ).flat();
  const lossless = await decodeImage(bombs.webpLossless(), "x");
  assertEquals([lossless.width, lossless.height], [6, 4]);
  const apart = lossless.pixels.map((value, i) => Math.abs(value - exact[i]!));
  // The encoder changes colours where they are transparent, a little.
  assert(apart.every((difference, i) => difference <= (Math.floor(i / 3) % 3 === 0 ? 3 : 0)), `${apart}`);
  const [lossy, alpha] = await Promise.all(
    [bombs.webpLossy(), bombs.webpWithAlpha()].map((bytes) => decodeImage(bytes, "x")),
  );
  for (let i = 0; i < 72; i++) {
    assertEquals(alpha!.pixels[i], onWhite(lossy!.pixels[i]!, Math.floor(i / 3) % 3 === 0 ? 128 : 255), `${i}`);
  }
});

Deno.test("WebP's decoder goes on after images that it cannot read", async () => {
  const expected = await decodeImage(bombs.webpLossless(), "x");
  for (const bad of [bombs.webpThatSays(300, 200), bombs.webpThatSays(3000, 2000)]) {
    await assertRejects(() => decodeImage(bad, "x"), HerdError, "damaged or cut short");
    assertEquals(await decodeImage(bombs.webpLossless(), "x"), expected);
  }
});

Deno.test("how much memory an image takes is known from its header", () => {
  const held = (bytes: Uint8Array) => bytesToDecode(bytes) / 1e6;
  assert(held(bombs.pngOfTooManyBytes()) > 2000 && held(bombs.jpegThatSays(8000, 8000)) > 3000);
  assert(held(bombs.webpThatSays(5000, 5000)) > 400);
  for (const small of [bombs.smallJpeg(), bombs.webpLossless(), bombs.pngOf(), new Uint8Array(3)]) {
    assert(held(small) < 1);
  }
});
