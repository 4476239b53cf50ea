import { assert, assertEquals, assertThrows } from "@std/assert";
import { join } from "node:path";
import { ImageSlots } from "../../../data/image_slots.ts";
import { imageFilesIn } from "../../../data/loose_images.ts";
import { PackedDataset } from "../../../data/packed_dataset.ts";
import { sampleNames } from "../../../data/sample_names.ts";
import { thumbnail } from "../../../data/thumbnail.ts";
import { decodeImage } from "../../../data/decode_image.ts";
import { openImageFiles } from "../../../data/image_files.ts";
import { HerdError } from "../../../shared/errors.ts";
import { noise, splitFiles, temporaryDirectory, writeFiles } from "../../fixtures/data_files.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("read", "write"); // writes files

Deno.test("a folder stands for its files and those within, a missing one for itself, and a circle is left out", {
  ignore,
}, async () => {
  using temporary = temporaryDirectory();
  const root = join(temporary.path, "photos");
  writeFiles(root, { "b.png": noise(3, 1), "a/z.png": noise(3, 1), ".hidden": noise(3, 1), "Ä.png": noise(3, 1) });
  Deno.symlinkSync(root, join(root, "a", "round"));
  Deno.symlinkSync(join(root, "b.png"), join(root, "c.png"));
  const found = await Array.fromAsync(imageFilesIn(root));
  assertEquals(found, ["a/z.png", "b.png", "c.png", "Ä.png"].map((name) => join(root, name)));
  assertEquals(await Array.fromAsync(imageFilesIn("no/such")), ["no/such"]);
});

Deno.test(
  "slots are read by others as they were written last, and a packed file without images is one",
  { ignore },
  () => {
    using temporary = temporaryDirectory();
    const path = join(temporary.path, "slots.herd");
    using slots = ImageSlots.create(path, { imageSize: 5, classes: ["a", "b", "c"], slots: 4 });
    using reader = PackedDataset.open(path);
    assertEquals(reader.info, slots.info);
    assertEquals(reader.read("test", 3), new Uint8Array(75));
    for (const round of [1, 2]) {
      for (const slot of [0, 3]) slots.write(slot, noise(75, 10 * round + slot));
      for (const slot of [0, 3]) assertEquals(reader.read("test", slot), noise(75, 10 * round + slot));
    }
    assertEquals(reader.read("test", 1), new Uint8Array(75));
    assertThrows(() => slots.write(4, new Uint8Array(75)), RangeError);
    assertThrows(() => slots.write(0, new Uint8Array(74)), RangeError);
    const create = () => ImageSlots.create(join(temporary.path, "no", "x"), { imageSize: 5, classes: ["a"], slots: 1 });
    assertThrows(create, HerdError, "TMPDIR");
  },
);

Deno.test(
  "samples have the names of their files, or numbers where these are not the ones that were packed",
  { ignore },
  async () => {
    using temporary = temporaryDirectory();
    writeFiles(temporary.path, splitFiles());
    const options = { data: temporary.path, environment: { cacheDir: temporary.path } };
    using source = await openImageFiles(temporary.path);
    const test = source.labels.test.length;
    const info = { name: "x", classes: [...source.classes], imageSize: 5, channels: 3 as const, train: 1, test };
    const rest = { classCounts: {}, sha256: "0".repeat(64), skipped: { count: 0, files: [] } };
    const names = await sampleNames(options, { ...info, ...rest }, "test");
    assertEquals(names, Array.from({ length: test }, (_, id) => source.describe("test", id)));
    const skipped = { count: 1, files: [names[1]!] };
    const fewer = await sampleNames(options, { ...info, ...rest, test: test - 1, skipped }, "test");
    assertEquals(fewer, names.filter((_, id) => id !== 1));
    assertEquals(await sampleNames(options, { ...info, ...rest, test: 1 }, "test"), ["test image 0"]);
    assertEquals(await sampleNames({ ...options, data: "gone" }, { ...info, ...rest, test: 1 }, "test"), [
      "test image 0",
    ]);
  },
);

Deno.test("a thumbnail is a JPEG of the image, not larger than it", async () => {
  const pixels = new Uint8Array(20 * 20 * 3).fill(200);
  for (const [size, side] of [[8, 8], [64, 20]] as const) {
    const uri = thumbnail(pixels, 20, size);
    const [head, body] = uri.split(",");
    assertEquals(head, "data:image/jpeg;base64");
    const image = await decodeImage(Uint8Array.fromBase64(body!), "thumbnail");
    assertEquals([image.width, image.height], [side, side]);
    assert(image.pixels.every((value) => Math.abs(value - 200) < 4));
  }
});
