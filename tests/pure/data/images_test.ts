// Decoding and resizing.
import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { encode } from "fast-png";
import { zlibSync } from "fflate";
import jpeg from "jpeg-js";
import { decodeImage } from "../../../data/decode_image.ts";
import { toSquare } from "../../../data/resize.ts";
import { HerdError } from "../../../shared/errors.ts";
import { pngChunk, pngHeader, pngOf } from "../../fixtures/bombs.ts";
import { noise, png } from "../../fixtures/data_files.ts";

const pixelsOf = async (bytes: Uint8Array) => [...(await decodeImage(bytes, "x")).pixels];

Deno.test("decodeImage() lays alpha on white and spreads grey", async () => {
  const rgba = encode({ width: 2, height: 1, channels: 4, data: Uint8Array.of(1, 2, 3, 0, 4, 5, 6, 255) });
  assertEquals(await pixelsOf(rgba), [255, 255, 255, 4, 5, 6]);
  const rgb = encode({ width: 2, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3, 4, 5, 6) });
  assertEquals(await pixelsOf(rgb), [1, 2, 3, 4, 5, 6]);
  const grey = encode({ width: 1, height: 2, channels: 1, data: Uint8Array.of(7, 9) });
  assertEquals(await pixelsOf(grey), [7, 7, 7, 9, 9, 9]);
  const greyAlpha = encode({ width: 2, height: 1, channels: 2, data: Uint8Array.of(7, 0, 9, 255) });
  assertEquals(await pixelsOf(greyAlpha), [255, 255, 255, 9, 9, 9]);
  const half = encode({ width: 1, height: 1, channels: 4, data: Uint8Array.of(0, 100, 255, 128) });
  assertEquals(await pixelsOf(half), [127, 177, 255]);
});

Deno.test("decodeImage() rounds 16 bits to 8", async () => {
  const data = Uint16Array.of(0, 128, 129, 65535, 65535 - 128, 65535 - 129);
  assertEquals(await pixelsOf(encode({ width: 2, height: 1, channels: 3, depth: 16, data })), [0, 0, 1, 255, 255, 254]);
});

/** A PNG of one-channel rows of few bits, which fast-png does not write. Colour type 0 is grey, 3 palette. */
function rowsPng(rows: number[][], { width, depth, palette }: { width: number; depth: number; palette?: number[] }) {
  return pngOf(
    pngHeader({ width, height: rows.length, depth, colourType: palette ? 3 : 0 }),
    ...palette ? [pngChunk("PLTE", palette)] : [],
    pngChunk("IDAT", zlibSync(Uint8Array.from(rows.flatMap((row) => [0, ...row])))),
  );
}

Deno.test("decodeImage() reads palettes of 1, 4 and 8 bits, rows padded to whole bytes", async () => {
  const colours = [[10, 20, 30], [40, 50, 60]];
  const palette = colours.flat();
  const expected = [1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1].flatMap((index) => colours[index]!);
  const one = rowsPng([[0b10000000, 0b10000000], [0b00100000, 0b10000000]], { width: 9, depth: 1, palette });
  assertEquals(await pixelsOf(one), expected);
  const four = rowsPng([[0x10, 0, 0, 0, 0x10], [0x00, 0x10, 0, 0, 0x10]], { width: 9, depth: 4, palette });
  assertEquals(await pixelsOf(four), expected);
  const eight = [[1, 0, 0, 0, 0, 0, 0, 0, 1], [0, 0, 1, 0, 0, 0, 0, 0, 1]];
  assertEquals(await pixelsOf(rowsPng(eight, { width: 9, depth: 8, palette })), expected);
});

Deno.test("decodeImage() stretches grey of 1 and 2 bits", async () => {
  const spread = (values: number[]) => values.flatMap((value) => [value, value, value]);
  assertEquals(await pixelsOf(rowsPng([[0b01100000]], { width: 3, depth: 1 })), spread([0, 255, 255]));
  assertEquals(await pixelsOf(rowsPng([[0b00011011]], { width: 4, depth: 2 })), spread([0, 85, 170, 255]));
});

Deno.test("decodeImage() reads JPEG", async () => {
  const data = new Uint8Array(16 * 16 * 4).map((_, i) => [200, 100, 50, 255][i % 4]!);
  const image = await decodeImage(jpeg.encode({ width: 16, height: 16, data }, 95).data, "x.jpg");
  assertEquals([image.width, image.height, image.pixels.length], [16, 16, 768]);
  image.pixels.forEach((value, i) => assert(Math.abs(value - [200, 100, 50][i % 3]!) <= 4));
});

const whole = png(1);
const jpegBytes = new Uint8Array(jpeg.encode({ width: 16, height: 16, data: noise(1024, 1) }, 90).data);
const flipped = whole.slice();
flipped[60]! ^= 0xff;
const huge = whole.slice();
new DataView(huge.buffer).setUint32(16, 1e6);
new DataView(huge.buffer).setUint32(20, 1e6);
const shortOfRows = pngOf(pngHeader({ width: 2, height: 5 }), pngChunk("IDAT", zlibSync(new Uint8Array(14))));
const BAD: Record<string, Uint8Array> = {
  "an empty file": new Uint8Array(),
  "a text": new TextEncoder().encode("not an image"),
  "a PNG cut in the middle": whole.subarray(0, whole.length >> 1),
  "a PNG without its last byte": whole.subarray(0, whole.length - 1),
  "a PNG cut after its signature": whole.subarray(0, 8),
  "a PNG with a flipped byte": flipped,
  "a PNG that claims a terapixel": huge,
  "a PNG with fewer rows than it claims": shortOfRows,
  "a PNG with a colour beyond its palette": rowsPng([[5]], { width: 1, depth: 8, palette: [1, 2, 3] }),
  "a JPEG cut in the middle": jpegBytes.subarray(0, jpegBytes.length >> 1),
  "a JPEG cut in its header": jpegBytes.subarray(0, 10),
};
for (const [what, bytes] of Object.entries(BAD)) {
  Deno.test(`decodeImage() refuses ${what}, naming it`, async () => {
    const error = await assertRejects(() => decodeImage(bytes, "dir/bad.png"), HerdError, "'dir/bad.png'");
    assertEquals(error.code, "data");
  });
}

const gray = (width: number, height: number, values: number[]) => ({
  width,
  height,
  pixels: Uint8Array.from(values.flatMap((value) => [value, value, value])),
});
const channel = (pixels: Uint8Array) => [...pixels].filter((_, i) => i % 3 === 0);

Deno.test("toSquare() averages 2 × 2, rounding half up, and enlarges by area", () => {
  const image = gray(4, 4, [0, 0, 1, 0, 0, 1, 1, 0, 10, 20, 255, 255, 30, 41, 255, 255]);
  assertEquals(channel(toSquare(image, 2)), [0, 1, 25, 255]);
  assertEquals(channel(toSquare(gray(2, 2, [0, 90, 180, 255]), 3)), [0, 45, 90, 90, 131, 173, 180, 218, 255]);
});

Deno.test("toSquare() 3 → 2 weighs parts of pixels", () => {
  // Each output covers 1.5 × 1.5 input pixels: weights 4, 2, 2, 1 of 9.
  const image = gray(3, 3, [90, 0, 0, 0, 0, 0, 0, 0, 9]);
  assertEquals(channel(toSquare(image, 2)), [40, 0, 0, 4]);
});

Deno.test("toSquare() takes the middle of an oblong image", () => {
  assertEquals(channel(toSquare(gray(4, 1, [1, 2, 3, 4]), 1)), [2]);
  assertEquals(channel(toSquare(gray(2, 4, [1, 2, 3, 4, 5, 6, 7, 8]), 2)), [3, 4, 5, 6]);
});

Deno.test("toSquare() keeps an image of the right size, a constant image and the mean", () => {
  const sizes = fc.integer({ min: 1, max: 24 });
  fc.assert(fc.property(sizes, sizes, fc.integer({ min: 0, max: 1e6 }), (side, size, seed) => {
    const pixels = noise(side * side * 3, seed);
    const result = toSquare({ width: side, height: side, pixels }, size);
    if (side === size) assertEquals(result, pixels);
    const constant = new Uint8Array(side * side * 3).fill(seed % 256);
    assert(toSquare({ width: side, height: side, pixels: constant }, size).every((value) => value === seed % 256));
    const mean = (values: Uint8Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
    // Every output is rounded by at most a half.
    assert(Math.abs(mean(result) - mean(pixels)) <= 0.5 + 1e-9);
  }));
});

Deno.test("toSquare() equals the sum over every sub-pixel of the common grid", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.nat(), (side, size, seed) => {
      const pixels = noise(side * side * 3, seed);
      const expected = new Uint8Array(size * size * 3);
      for (let i = 0; i < expected.length; i++) {
        const [x, y, c] = [Math.floor(i / 3) % size, Math.floor(i / 3 / size), i % 3];
        let sum = 0;
        for (let v = y * side; v < (y + 1) * side; v++) {
          for (let u = x * side; u < (x + 1) * side; u++) {
            sum += pixels[(Math.floor(v / size) * side + Math.floor(u / size)) * 3 + c]!;
          }
        }
        expected[i] = Math.floor((2 * sum + side * side) / (2 * side * side));
      }
      assertEquals(toSquare({ width: side, height: side, pixels }, size), expected);
    }),
    { numRuns: 50 },
  );
});
