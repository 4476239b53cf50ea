// What the decoders are given of a file: what its pixels depend on, and no more than its header allows.
import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import jpeg from "jpeg-js";
import { deflateSync } from "node:zlib";
import { bareJpeg } from "../../../data/bare_jpeg.ts";
import { barePng, type PngPart } from "../../../data/bare_png.ts";
import { decodeImage } from "../../../data/decode_image.ts";
import { HerdError } from "../../../shared/errors.ts";
import * as bombs from "../../fixtures/bombs.ts";
import { noise, png } from "../../fixtures/data_files.ts";

const { pngChunk, pngHeader, pngOf, jpegSegment, jpegWith, segmentIn } = bombs;
const pixelsOf = async (bytes: Uint8Array) => [...(await decodeImage(bytes, "x")).pixels];
/** Its image data is stored, so that what is changed of it is not the compression. */
const storedPng = (seed: number) => barePng(png(seed)).parts[0]!.bytes;
const webps = [bombs.webpLossless(), bombs.webpLossy(), bombs.webpWithAlpha()];
const text = (value: string) => new TextEncoder().encode(value);

Deno.test("a colour profile and texts of a PNG are not handed on, and change no pixel", async () => {
  const whole = bombs.pngWithProfile();
  assertEquals(await pixelsOf(whole), bombs.SMALL_PIXELS);
  const [{ bytes }] = barePng(whole).parts as [PngPart];
  assert(bytes.length < 200);
  assert(!new TextDecoder("latin1").decode(bytes).includes("iCCP"));
});

Deno.test("a PNG of true colours may suggest a palette, and one of a palette is on white where it is transparent", async () => {
  const data = pngChunk("IDAT", deflateSync(Uint8Array.of(0, 9, 8, 7)));
  assertEquals(await pixelsOf(pngOf(pngHeader({ width: 1, height: 1 }), pngChunk("PLTE", [1, 2, 3]), data)), [9, 8, 7]);
  const indexed = pngHeader({ width: 1, height: 1, colourType: 3 });
  const index = pngChunk("IDAT", deflateSync(Uint8Array.of(0, 0)));
  assertEquals(await pixelsOf(pngOf(indexed, pngChunk("PLTE", [1, 2, 3]), pngChunk("tRNS", [0]), index)), [
    255,
    255,
    255,
  ]);
});

Deno.test("image data of an interlaced PNG is as long as its seven passes, in one chunk or many", async () => {
  // 3 × 3: passes of 1, 0, 0, 1, 2, 3 and 3 pixels, of 1, 0, 0, 1, 1, 2 and 1 rows.
  const rows = (values: readonly (readonly number[])[]) => values.flatMap((row) => [0, ...row]);
  const data = deflateSync(Uint8Array.from(rows([[1], [3], [7, 9], [2], [8], [4, 5, 6]])));
  const header = pngHeader({ width: 3, height: 3, colourType: 0, interlace: 1 });
  const expected = [1, 2, 3, 4, 5, 6, 7, 8, 9].flatMap((value) => [value, value, value]);
  assertEquals(await pixelsOf(pngOf(header, pngChunk("IDAT", data))), expected);
  assertEquals(await pixelsOf(pngOf(header, ...[...data].map((byte) => pngChunk("IDAT", [byte])))), expected);
});

Deno.test("what phones and programs add to a JPEG is not handed on, and changes no pixel", async () => {
  const plain = bombs.smallJpeg();
  const exif = jpegSegment(0xe1, bombs.concat(text("Exif\0\0"), plain));
  const profile = jpegSegment(0xe2, bombs.concat(text("ICC_PROFILE\0"), [1, 1], noise(60_000, 1)));
  const comment = jpegSegment(0xfe, noise(65_000, 2));
  const film = noise(100_000, 3);
  const photo = bombs.concat(jpegWith(plain, segmentIn(plain, 0xdb), exif, profile, comment, [0xff, 0xff]), film);
  assertEquals(await pixelsOf(photo), await pixelsOf(plain));
  assertEquals(bareJpeg(photo), bareJpeg(plain));
  assert(bareJpeg(plain).length < plain.length);
});

Deno.test("segments that some phones and encoders write slightly wrong are read as before", async () => {
  const plain = bombs.smallJpeg();
  const tables = segmentIn(plain, 0xdb);
  const slip = jpegSegment(0xe1, text("Exif\0\0"));
  slip[0] = 0;
  const tooLong = jpegSegment(0xe2, text("profile"));
  tooLong[3]!++;
  for (const segment of [slip, tooLong]) {
    assertEquals(await pixelsOf(jpegWith(plain, tables, segment)), await pixelsOf(plain));
  }
});

Deno.test("restarts and progressive scans are handed on", async () => {
  const { width, height, pixels } = await decodeImage(bombs.jpegOfManyScans(100, 256), "x");
  assertEquals([width, height], [256, 256]);
  assert(pixels.every((value) => value === 128));
  // Grey, 16 × 8: two blocks with a restart between; 1 bit each says "no difference", 1 bit "no more".
  const table = (id: number) => [id, 1, ...new Array(15).fill(0), 0];
  const grey = bombs.concat(
    [0xff, 0xd8],
    jpegSegment(0xdb, [0, ...new Array(64).fill(1)]),
    jpegSegment(0xc0, [8, 0, 8, 0, 16, 1, 1, 0x11, 0]),
    jpegSegment(0xc4, [...table(0x00), ...table(0x10)]),
    jpegSegment(0xdd, [0, 1]),
    jpegSegment(0xda, [1, 1, 0, 0, 63, 0]),
    [0x3f, 0xff, 0xd0, 0x3f, 0xff, 0xd9],
  );
  assertEquals(await pixelsOf(grey), new Array(16 * 8 * 3).fill(128));
});

const FALSE: Readonly<Record<string, [() => Uint8Array, says: string]>> = {
  "a first chunk that is no header": [
    () => pngOf(pngChunk("gAMA", [0, 0, 0, 1]), pngHeader({ width: 1, height: 1 })),
    "first chunk",
  ],
  "a PNG without rows": [() => pngOf(pngHeader({ width: 1, height: 0 }), pngChunk("IDAT")), "1×0"],
  "an unknown colour type": [() => pngOf(pngHeader({ width: 1, height: 1, colourType: 5 })), "colour type is 5"],
  "an unknown depth": [() => pngOf(pngHeader({ width: 1, height: 1, depth: 3 })), "3 bits"],
  "a PNG interlaced in an unknown way": [
    () => pngOf(pngHeader({ width: 1, height: 1, interlace: 2 })),
    "interlaced by method 2",
  ],
  "a WebP that says 268 megapixels": [
    bombs.webpOfTooManyPixels,
    "its header says 16384×16384, the limit is 64 megapixels",
  ],
  "a lossy WebP that says 268 megapixels": [
    bombs.webpLossyOfTooManyPixels,
    "its header says 16383×16383, the limit is 64 megapixels",
  ],
  "a WebP whose image has another size than its data": [() => bombs.webpThatSays(300, 200), "damaged or cut short"],
  "an animated WebP": [bombs.webpAnimated, "it is animated: save one of its pictures"],
  "a WebP cut short": [() => bombs.webpLossy().subarray(0, 100), "ends within its data"],
  "a WebP with a chunk longer than itself": [bombs.webpOfALongChunk, "ends within a chunk"],
  "a WebP of two images": [bombs.webpOfTwoImages, "does not have one image"],
  "a WebP of nothing": [() => bombs.webpOf(), "does not have one image"],
  "a WebP of very many chunks": [
    () => bombs.webpOf(...Array.from({ length: 1002 }, () => bombs.webpChunk("JUNK"))),
    "more than 1000 chunks",
  ],
  "a chunk longer than the file": [() => pngOf(pngHeader({ width: 1, height: 1 })).subarray(0, -13), "within a chunk"],
  "data beyond what the header says": [bombs.pngOfTooMuchData, "gives more than the 310 bytes"],
  "a JPEG of too many scans": [() => bombs.jpegOfManyScans(100), "the limit is 20 million"],
  "a JPEG of two frames": [bombs.jpegOfTwoFrames, "two frames"],
  "a JPEG without a frame": [() => bombs.concat([0xff, 0xd8], [0xff, 0xd9]), "no frame"],
  "a JPEG without rows": [() => bombs.jpegThatSays(16, 0), "16×0"],
  "an arithmetically coded JPEG": [
    () => {
      const bytes = bombs.smallJpeg();
      bytes[segmentIn(bytes, 0xc0) + 1] = 0xc9;
      return bytes;
    },
    "not read (it is coded in a rare way, FF C9)",
  ],
  "a JPEG whose components are larger than four blocks": [
    () => {
      const bytes = bombs.smallJpeg();
      bytes[segmentIn(bytes, 0xc0) + 11] = 0xff;
      return bytes;
    },
    "frame is damaged",
  ],
  "a JPEG of segments without content": [
    () =>
      bombs.concat([0xff, 0xd8], new Uint8Array(4 * 10_002).map((_, i) => [0xff, 0xdb, 0, 2][i % 4]!), [0xff, 0xd9]),
    "more than 10000 segments",
  ],
  "a PNG of data chunks without content": [
    () => pngOf(pngHeader({ width: 1, height: 1 }), bombs.concat(...Array(100_002).fill(pngChunk("IDAT")))),
    "more than 100000 chunks",
  ],
  "a JPEG of tables": [
    () => bombs.concat([0xff, 0xd8], ...new Array(310).fill(jpegSegment(0xc4, new Uint8Array(17 * 3854)))),
    "the limit is 20 million",
  ],
};
for (const [what, [make, says]] of Object.entries(FALSE)) {
  Deno.test(`decodeImage() refuses ${what}`, async () => {
    const error = await assertRejects(() => decodeImage(make(), "dir/bad"), HerdError, says);
    assertEquals([error.code, error.message.includes("'dir/bad'")], ["data", true]);
  });
}

Deno.test("whatever bytes of an image are others, it decodes or is refused in a sentence", async () => {
  const images = [png(1), bombs.smallJpeg(), bombs.pngOf(pngHeader({ width: 2, height: 2 })), ...webps, storedPng(2)];
  const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...images), changes, fc.boolean(), async (image, changes, isCut) => {
      const bytes = image.slice();
      for (const [at, value] of changes) bytes[8 + at % (bytes.length - 8)] = value;
      try {
        const { width, height, pixels } = await decodeImage(
          isCut ? bytes.subarray(0, -1 - changes[0]![0] % 99) : bytes,
          "x",
        );
        assertEquals(pixels.length, width * height * 3);
      } catch (error) {
        assert(error instanceof HerdError, `${error}`);
      }
    }),
    { numRuns: 500 },
  );
});

/** Segments that are longer or shorter than what they hold, with a frame of 64 megapixels where a decoder could look next. */
const HIDDEN: Readonly<Record<string, (frame: Uint8Array) => [segments: Uint8Array, says: string]>> = {
  "behind a restart interval": (frame) => [jpegSegment(0xdd, bombs.concat([0, 0], frame)), "FF DD has a wrong length"],
  "behind a scan of nothing": (frame) => [
    bombs.concat(jpegSegment(0xda, [0]), jpegSegment(0xdb, bombs.concat([0], frame, new Uint8Array(64)))),
    "FF DA has a wrong length",
  ],
  "behind codes that are too few": (frame) => [
    bombs.concat(
      jpegSegment(0xc4, [0, 4, ...new Array(15).fill(0)]),
      jpegSegment(0xdb, bombs.concat([0], frame, new Uint8Array(64))),
    ),
    "FF C4 has a wrong length",
  ],
  "behind a table that is too short": (frame) => [
    bombs.concat(jpegSegment(0xdb, new Uint8Array(62)), jpegSegment(0xee, frame)),
    "FF DB has a wrong length",
  ],
};
for (const [where, make] of Object.entries(HIDDEN)) {
  Deno.test(`a frame of a JPEG that hides ${where} is not reached`, async () => {
    const plain = bombs.smallJpeg();
    const large = bombs.jpegThatSays(8000, 8000);
    const [segments, says] = make(large.subarray(segmentIn(large, 0xc0), segmentIn(large, 0xc4)));
    await assertRejects(() => decodeImage(jpegWith(plain, segmentIn(plain, 0xc0), segments), "x"), HerdError, says);
  });
}

Deno.test("a frame of a JPEG that hides behind a restart too many is not reached; one at the end is left out", async () => {
  const plain = bombs.smallJpeg();
  const large = bombs.jpegThatSays(8000, 8000);
  const frame = large.subarray(segmentIn(large, 0xc0), segmentIn(large, 0xc4));
  // 00 E0 is taken for a segment if its length leads to a marker.
  const jump = bombs.concat([0xff, 0xd0, 0x00, 0xe0, 0, 8], frame.map((byte) => byte === 0xff ? 0xfe : byte));
  await assertRejects(
    () => decodeImage(jpegWith(plain, plain.length - 2, jump), "x"),
    HerdError,
    "1 restarts instead of 0",
  );
  assertEquals(await pixelsOf(jpegWith(plain, plain.length - 2, [0xff, 0xd0])), await pixelsOf(plain));
});

Deno.test("the decoder of JPEG meets the markers that were looked at, and no others", async () => {
  const images = [
    bombs.smallJpeg(),
    new Uint8Array(jpeg.encode({ width: 40, height: 24, data: noise(3840, 5) }, 60).data),
  ];
  for (const image of images) {
    const bare = bareJpeg(image);
    assertEquals(bareJpeg(bare), bare);
    assertEquals(await pixelsOf(bare), await pixelsOf(image));
  }
});
