// Folders and zip files of images: every layout that is understood, and what is said about the others.
import { assert, assertEquals, assertNotEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { encode } from "fast-png";
import jpeg from "jpeg-js";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { decodeImage } from "../../../data/decode_image.ts";
import { describeDataset, PackedDataset, resolveDataset } from "../../../data/mod.ts";
import { toSquare } from "../../../data/resize.ts";
import { HerdError } from "../../../shared/errors.ts";
import * as fixtures from "../../fixtures/data_files.ts";
import { type FalseEntry, falseZip } from "../../fixtures/bombs.ts";
import { classFiles, type Files, png, splitFiles, writeFiles, zip } from "../../fixtures/data_files.ts";

/** A test with a directory for its files and a cache directory, skipped where bare `deno test` may not write. */
function test(name: string, run: (root: string, resolve: ReturnType<typeof resolver>) => Promise<void>): void {
  Deno.test({
    name,
    ignore: fixtures.WITHOUT_FILES,
    fn: async () => {
      using directory = fixtures.temporaryDirectory();
      await run(join(directory.path, "data"), resolver(join(directory.path, "cache")));
    },
  });
}

const resolver = (cacheDir: string) => (data: string, imageSize = 12, skipUnreadable = false) =>
  resolveDataset({ data, imageSize, skipUnreadable, environment: { cacheDir } });

/** The files of the original archives: the same images without the split's name in front. */
const within = (files: Files, prefix: string): Files =>
  Object.fromEntries(
    Object.entries(files).filter(([path]) => path.startsWith(prefix)).map((
      [path, bytes],
    ) => [path.slice(prefix.length), bytes]),
  );

test("a folder becomes a packed file with its images in order of class/name", async (root, resolve) => {
  const files = splitFiles();
  writeFiles(root, { ...files, "README.md": png(0), "train/.DS_Store": png(0), "train/horses/.hidden": png(0) });
  const { path, info, fallback } = await resolve(root);
  assertEquals(fallback, false);
  assertEquals({ ...info, sha256: "" }, {
    name: "data",
    classes: ["horses", "humans"],
    imageSize: 12,
    channels: 3,
    train: 8,
    test: 4,
    classCounts: { horses: [4, 2], humans: [4, 2] },
    sha256: "",
    skipped: { count: 0, files: [] },
    duplicates: { across: 0, files: [], within: { train: 0, test: 0 } },
  });
  using dataset = PackedDataset.open(path);
  assertEquals(dataset.info, info);
  assertEquals([...dataset.labels("train")], [0, 0, 0, 0, 1, 1, 1, 1]);
  assertEquals(dataset.label("test", 3), 1);
  const hashed: number[] = [];
  for (const split of ["train", "test"] as const) {
    const prefix = split === "train" ? "train/" : "validation/";
    for (const [id, name] of Object.keys(within(files, prefix)).sort().entries()) {
      const expected = (await decodeImage(files[prefix + name]!, name)).pixels;
      assertEquals(dataset.read(split, id), expected);
      hashed.push(...expected, dataset.label(split, id));
    }
  }
  assertEquals(info.sha256, fixtures.sha256(Uint8Array.from(hashed)));
});

test("zip files and folders of the same images have the same hash, in every layout", async (root, resolve) => {
  const files = splitFiles();
  const renamed = (train: string, validation: string): Files =>
    Object.fromEntries(
      Object.entries(files).map((
        [path, bytes],
      ) => [path.replace(/^train/, train).replace(/^validation/, validation), bytes]),
    );
  const archives = {
    "horse-or-human.zip": zip(within(files, "train/")),
    "validation-horse-or-human.zip": zip(within(files, "validation/")),
  };
  const paths = [
    writeFiles(join(root, "plain"), files),
    writeFiles(join(root, "test"), renamed("train", "test")),
    writeFiles(join(root, "unpacked"), renamed("horse-or-human", "validation-horse-or-human")),
    writeFiles(join(root, "archives"), archives),
    join(root, "archives", "horse-or-human.zip"),
    writeFiles(join(root, "wrapped", "twice"), files).replace(/\/twice$/, ""),
    join(writeFiles(root, { "one.zip": zip(files) }), "one.zip"),
    join(
      writeFiles(root, { "in.zip": zip({ ...renamed("x/train", "x/validation"), "__MACOSX/._x": png(0) }) }),
      "in.zip",
    ),
  ];
  const hashes = new Map<string, string>();
  for (const path of paths) hashes.set(path, (await resolve(path)).info.sha256);
  assertEquals(new Set(hashes.values()).size, 1, JSON.stringify([...hashes], null, 1));
  assertEquals((await resolve(join(root, "one.zip"))).info.name, "one");
});

test("an unsplit folder is split 4 : 1 by class, always in the same way", async (root, resolve) => {
  writeFiles(join(root, "a"), classFiles("", 10));
  writeFiles(join(root, "b"), classFiles("", 10));
  const { info } = await resolve(join(root, "a"));
  assertEquals(info.classCounts, { horses: [8, 2], humans: [8, 2] });
  assertEquals((await resolve(join(root, "b"))).info.sha256, info.sha256);
});

test("--validation-split keeps its part of each class, and at least one image of it for training", async (root) => {
  writeFiles(root, { ...classFiles("", 10), ...classFiles("", 3, ["few"]), ...classFiles("", 1, ["one", "two"]) });
  const resolve = async (validationSplit?: number) => {
    const notices: string[] = [];
    const onNotice = (text: string) => void notices.push(text);
    const environment = { cacheDir: join(root, "..", "cache") };
    const resolved = await resolveDataset({ data: root, imageSize: 4, validationSplit, environment, onNotice });
    return { ...resolved, notices, counts: resolved.info.classes.map((name) => resolved.info.classCounts[name]) };
  };
  const told = ["These classes have one image each, which are trained on and not tested: 'one', 'two'"];
  const first = await resolve();
  assertEquals(first.counts, [[2, 1], [8, 2], [8, 2], [1, 0], [1, 0]]);
  assertEquals(first.notices, told);
  assertEquals((await resolve(0.2)).path, first.path);
  const half = await resolve(0.5);
  assertEquals(half.counts, [[1, 2], [5, 5], [5, 5], [1, 0], [1, 0]]);
  assertNotEquals([half.path, half.info.sha256], [first.path, first.info.sha256]);
  assertEquals((await resolve(0.99)).counts, [[1, 2], [1, 9], [1, 9], [1, 0], [1, 0]]);
  assertEquals(await resolve(0.5), half, "the same images every time");
  const all = await resolve(1);
  assertEquals(all.counts, [[0, 3], [0, 10], [0, 10], [0, 1], [0, 1]]);
  assertEquals(all.notices, []);
  using dataset = PackedDataset.open(all.path);
  await dataset.verify();
});

test("--validation-split is refused where there are test images already", async (root) => {
  writeFiles(join(root, "split"), splitFiles());
  writeFiles(root, { "x.zip": zip(splitFiles()) });
  for (const data of [join(root, "split"), join(root, "x.zip"), "procedural", "auto", "horses-or-humans"]) {
    const environment = { cacheDir: join(root, "cache") };
    const resolving = () => resolveDataset({ data, imageSize: 4, validationSplit: 0.2, environment });
    const error = await assertRejects(resolving, HerdError, "--validation-split is for data without test images");
    assertEquals(error.code, "usage");
  }
  const environment = { cacheDir: join(root, "cache"), dataDir: writeFiles(join(root, "flat"), classFiles("", 4)) };
  const { info } = await resolveDataset({ data: "auto", imageSize: 4, validationSplit: 0.5, environment });
  assertEquals(info.classCounts, { horses: [2, 2], humans: [2, 2] });
});

test("images may lie in folders within a class folder, and their paths order them", async (root, resolve) => {
  const files = { "b/2/x.png": png(3), "b/1.png": png(4), "a/x/y/z.png": png(1), "a/x.png": png(2) };
  const expected = ["a/x.png", "a/x/y/z.png", "b/1.png", "b/2/x.png"] as const;
  const test = classFiles("test/", 1, ["a", "b"]);
  const all = {
    ...test,
    ...Object.fromEntries(Object.entries(files).map(([path, bytes]) => [`train/${path}`, bytes])),
  };
  writeFiles(root, { ...all, "train/a/Thumbs.db": text("x"), "x.zip": zip(all) });
  for (const data of [root, join(root, "x.zip")]) {
    const { path, info } = await resolve(data);
    assertEquals(info.classCounts, { a: [2, 1], b: [2, 1] });
    using dataset = PackedDataset.open(path);
    for (const [id, name] of expected.entries()) {
      assertEquals(dataset.read("train", id), (await decodeImage(files[name], name)).pixels, name);
    }
  }
  Deno.symlinkSync("..", join(root, "train/a/x/again"));
  await assertRejects(() => resolve(root), HerdError, "too many folders within each other");
});

test("images that are smaller than the image size are enlarged", async (root, resolve) => {
  const grey = (value: number) =>
    new Uint8Array(encode({ width: 2, height: 1, channels: 1, data: Uint8Array.of(value, 0) }));
  writeFiles(root, { "a/0.png": grey(10), "a/1.png": grey(20), "b/0.png": grey(30), "b/1.png": grey(40) });
  const { path, info } = await resolve(root, 5);
  using dataset = PackedDataset.open(path);
  assertEquals([info.train, info.test, info.imageSize], [2, 2, 5]);
  const pixels = dataset.read("train", 0);
  assert([10, 20].includes(pixels[0]!) && pixels.every((value) => value === pixels[0]));
});

test("class order and sample ids follow UTF-8 bytes, not UTF-16 units", async (root, resolve) => {
  // U+FF21 comes after U+1F40E in UTF-16, before it in UTF-8.
  writeFiles(root, { ...classFiles("train/", 1, ["🐎", "Ａ"]), ...classFiles("test/", 1, ["🐎", "Ａ"]) });
  assertEquals((await resolve(root)).info.classes, ["Ａ", "🐎"]);
});

test("any number of classes is labelled in order of their names, numbers among them", async (root, resolve) => {
  const names = ["10", "2", "b", "a", "é"];
  writeFiles(root, { ...classFiles("train/", 3, names), ...classFiles("test/", 1, names) });
  const { path, info } = await resolve(root);
  assertEquals(info.classes, ["10", "2", "a", "b", "é"]);
  assertEquals(info.classCounts["2"], [3, 1]);
  using dataset = PackedDataset.open(path);
  assertEquals([...dataset.labels("train")], [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]);
  assertEquals([...dataset.labels("test")], [0, 1, 2, 3, 4]);
  assertStringIncludes(describeDataset(info, { limit: null })[0]!, "(10 3 + 1, 2 3 + 1, a 3 + 1");
});

test("256 classes are taken, one more is not", async (root, resolve) => {
  const names = Array.from({ length: 256 }, (_, i) => `c${i}`);
  writeFiles(root, classFiles("", 2, names));
  assertEquals((await resolve(root, 2)).info.classes.length, 256);
  writeFiles(root, classFiles("", 2, ["more"]));
  await assertRejects(() => resolve(root, 2), HerdError, "has 257 class folders");
});

test("images of other sizes are cropped and averaged, a JPEG is taken too", async (root, resolve) => {
  const wide = png(3, { width: 20, height: 12 });
  const data = new Uint8Array(16 * 14 * 4).fill(130);
  const photo = new Uint8Array(jpeg.encode({ width: 16, height: 14, data }, 95).data);
  writeFiles(root, { ...splitFiles(), "train/horses/aa.jpg": photo, "train/horses/zz.png": wide });
  const { path, info } = await resolve(root, 6);
  assertEquals([info.imageSize, info.train], [6, 10]);
  using dataset = PackedDataset.open(path);
  assertEquals([...dataset.read("train", 0)], new Array(108).fill(130));
  const { pixels } = await decodeImage(wide, "wide");
  const middle = Uint8Array.from({ length: 432 }, (_, i) => pixels[(Math.floor(i / 36) * 20 + 4) * 3 + i % 36]!);
  assertEquals(dataset.read("train", 5), toSquare({ width: 12, height: 12, pixels: middle }, 6));
});

test("a changed file makes another packed file, an unchanged folder does not", async (root, resolve) => {
  writeFiles(root, splitFiles());
  const first = await resolve(root);
  const { ino } = Deno.statSync(first.path);
  assertEquals(await resolve(root), first);
  assertEquals(Deno.statSync(first.path).ino, ino);
  assertNotEquals((await resolve(root, 6)).path, first.path);
  writeFiles(root, { "train/horses/horses-0.png": png(77, { width: 13, height: 13 }) });
  const second = await resolve(root);
  assertNotEquals(second.path, first.path);
  assertNotEquals(second.info.sha256, first.info.sha256);
});

const text = (value: string) => new TextEncoder().encode(value);
const two = splitFiles();
const damagedZip = (() => {
  const bytes = zip(two);
  // Within the data of the first entry: its name is 25 bytes, its local header 30.
  bytes[100]! ^= 0xff;
  return bytes;
})();

/** A zip file of good images and a bad one. */
function badZip(entry: Omit<FalseEntry, "name">): Uint8Array<ArrayBuffer> {
  const good = Object.entries(two).map(([name, content]) => ({ name, content }));
  return falseZip([...good, { name: "train/humans/bad.png", ...entry }]);
}

/** Files, the path given (the folder if empty) and what the message must contain. */
const BAD: Record<string, [Files, string, ...string[]]> = {
  "one class": [classFiles("", 2, ["horses"]), "", "the class folder 'horses' alone", "two or more"],
  "a class with an impossible name": [classFiles("", 2, ["a", "__proto__"]), "", "'__proto__'", "rename it"],
  "no class folder": [{ "readme.txt": text("x") }, "", "no class folders"],
  "other classes in the test split": [
    { ...classFiles("train/", 1), ...classFiles("test/", 1, ["cats", "dogs"]) },
    "",
    "train' has the class folders 'horses', 'humans' and '",
    "test' has not: both must have the same",
  ],
  "no test split": [classFiles("train/", 2), "", "'train'", "'validation'"],
  "no training split": [classFiles("validation/", 2), "", "'validation'", "'train'"],
  "one archive of two": [
    { "horse-or-human.zip": zip(within(two, "train/")) },
    "",
    "validation-horse-or-human.zip",
  ],
  "one class in the test split": [
    { ...classFiles("train/", 1), ...classFiles("test/", 1, ["horses"]) },
    "",
    "'horses'",
  ],
  "a class that only the test split has": [
    { ...classFiles("train/", 1), ...classFiles("test/", 1, ["horses", "humans", "dogs"]) },
    "",
    "test' has the class folder 'dogs' and '",
    "train' has not",
  ],
  "a zip file of nothing but folders within folders": [
    { "deep.zip": falseZip([{ name: `${"a/".repeat(32_000)}x.png`, content: png(1) }]) },
    "deep.zip",
    "no class folders",
  ],
  "an empty image": [{ ...two, "train/humans/bad.png": text("") }, "", "humans/bad.png", "empty"],
  "a cut image": [{ ...two, "train/humans/bad.png": png(1).subarray(0, 90) }, "", "humans/bad.png", "cut short"],
  "a file that is no image": [{ ...two, "train/humans/bad.txt": text("hello") }, "", "humans/bad.txt", "neither a PNG"],
  "folders without end": [
    { ...two, [`train/humans/${"a/".repeat(9)}x.png`]: png(1) },
    "",
    "too many folders within each other, the limit is 8",
  ],
  "classes of one image without a split": [classFiles("", 1), "", "Each class of", "it takes two"],
  "a file that is no zip": [{ "x.txt": text("x") }, "x.txt", "neither a folder nor a .zip"],
  "a text called zip": [{ "x.zip": text("x".repeat(300)) }, "x.zip", "x.zip", "cut short or not a zip"],
  "an empty zip file": [{ "x.zip": text("") }, "x.zip", "x.zip", "cut short or not a zip"],
  "a zip file cut at its end": [{ "x.zip": zip(two).subarray(0, -30) }, "x.zip", "x.zip", "cut short"],
  "a zip file cut at its start": [{ "x.zip": zip(two).subarray(200) }, "x.zip", "x.zip"],
  "a damaged zip entry": [{ "x.zip": damagedZip }, "x.zip", "x.zip", "damaged entry"],
  "a zip entry that inflates to more than it says": [
    { "x.zip": badZip({ content: new Uint8Array(1e6), says: 1000, crc: crc32(new Uint8Array(1000)) }) },
    "x.zip",
    "gives more than the 1000 bytes",
  ],
  "a zip entry that inflates to less than it says": [
    { "x.zip": badZip({ content: png(1), says: 1e5 }) },
    "x.zip",
    "too short for the 100000 bytes",
  ],
  "a zip entry larger than an image may be": [
    { "x.zip": badZip({ content: png(1), says: 3e8 }) },
    "x.zip",
    "has 300 MB, the limit is 256 MB",
  ],
  "a link in a zip file": [
    { "x.zip": badZip({ content: text("/etc/passwd"), mode: 0o120777 }) },
    "x.zip",
    "no regular file",
  ],
  "a pipe in a zip file": [{ "x.zip": badZip({ content: text(""), mode: 0o010644 }) }, "x.zip", "no regular file"],
  "a zip file whose list of entries is too long": [
    { "x.zip": falseZip([], 1e8) },
    "x.zip",
    "a directory of 100.0 MB, the limit is 64.0 MB",
  ],
  "a zip file of bad images": [{ "x.zip": zip({ ...two, "train/humans/bad.png": text("") }) }, "x.zip", "bad.png"],
};
for (const [what, [files, given, ...parts]] of Object.entries(BAD)) {
  test(`resolveDataset() refuses ${what} and leaves no file behind`, async (root, resolve) => {
    writeFiles(root, files);
    const error = await assertRejects(() => resolve(join(root, given)), HerdError);
    assertEquals(error.code, "data");
    assert(!error.message.includes("\n"), error.message);
    for (const part of parts) assertStringIncludes(error.message, part);
    assertEquals(fixtures.filesBelow(join(root, "..", "cache")), []);
  });
}

test("an empty class folder is named", async (root, resolve) => {
  writeFiles(root, splitFiles());
  Deno.removeSync(join(root, "validation/humans"), { recursive: true });
  Deno.mkdirSync(join(root, "validation/humans"));
  await assertRejects(() => resolve(root), HerdError, "humans' has no images");
});

test("a path that does not exist and an impossible image size are told", async (root, resolve) => {
  await assertRejects(() => resolve(join(root, "none")), HerdError, "There is no data set");
  writeFiles(root, splitFiles());
  for (const size of [0, -1, 1.5, NaN, 1e9]) {
    const error = await assertRejects(() => resolve(root, size), HerdError, "--image-size");
    assertEquals(error.code, "usage");
  }
});

test("an aborted packing ends with the signal's reason and leaves no file behind", async (root) => {
  writeFiles(root, splitFiles());
  const cacheDir = join(root, "..", "cache");
  const controller = new AbortController();
  const reason = new HerdError("interrupted", "Interrupted");
  const resolving = resolveDataset({
    data: root,
    imageSize: 12,
    environment: { cacheDir },
    signal: controller.signal,
    onProgress: ({ done }) => done === 3 && controller.abort(reason),
  });
  assertEquals(await assertRejects(() => resolving, HerdError), reason);
  assertEquals(fixtures.filesBelow(cacheDir), []);
});

test("1027 + 256 horses and humans are the real set, and it has 300 × 300 pixels", async (root, resolve) => {
  const image = png(1);
  const files: Files = {};
  const counts = { "train/horses": 500, "train/humans": 527, "test/horses": 128, "test/humans": 128 };
  for (const [directory, count] of Object.entries(counts)) {
    for (let i = 0; i < count; i++) files[`${directory}/${i}.png`] = image;
  }
  const path = join(writeFiles(root, { "x.zip": zip(files) }), "x.zip");
  await assertRejects(() => resolve(path), HerdError, "12×12 instead of 300×300");
});

test(
  "a file, a link or an entry that cannot be read is left out if so said, and the others are numbered without it",
  async (root, resolve) => {
    const sound = splitFiles();
    const bad = { "train/horses/0.png": text("no image"), "validation/humans/x.jpg": png(1).subarray(0, 50) };
    writeFiles(join(root, "sound"), sound);
    writeFiles(join(root, "bad"), { ...sound, ...bad });
    Deno.symlinkSync("nowhere", join(root, "bad/train/humans/nowhere.png"));
    Deno.symlinkSync("../horses", join(root, "bad/train/humans/y.zip"));
    await assertRejects(() => resolve(join(root, "bad")), HerdError, "train/horses/0.png");
    Deno.removeSync(join(root, "bad/train/humans/y.zip"));
    const refused = await assertRejects(() => resolve(join(root, "bad")), HerdError, "train/horses/0.png");
    assertStringIncludes(refused.message, "or leave such images out with --skip-unreadable");
    const { path, info } = await resolve(join(root, "bad"), 12, true);
    const files = ["train/horses/0.png", "train/humans/nowhere.png", "validation/humans/x.jpg"];
    assertEquals(info.skipped, { count: 3, files: files.map((file) => join(root, "bad", file)) });
    const expected = await resolve(join(root, "sound"));
    assertEquals({ ...info, name: "", skipped: null }, { ...expected.info, name: "", skipped: null });
    using dataset = PackedDataset.open(path);
    using whole = PackedDataset.open(expected.path);
    assertEquals(dataset.info, info);
    assertEquals([dataset.labels("train"), dataset.labels("test")], [whole.labels("train"), whole.labels("test")]);
    assertEquals(dataset.read("test", 3), whole.read("test", 3));
    await dataset.verify();
    assertEquals(await resolve(join(root, "bad"), 12, true), { path, info, fallback: false });
  },
);

test("a set of which nothing need be left out is the same as without saying so", async (root, resolve) => {
  writeFiles(root, splitFiles());
  const first = await resolve(root);
  assertEquals(await resolve(root, 12, true), first);
});

test("a class without any image that can be read is told", async (root, resolve) => {
  writeFiles(root, {
    ...splitFiles(),
    ...Object.fromEntries(["0", "1"].map((i) => [`validation/humans/humans-${i}.png`, text("x")])),
  });
  const error = await assertRejects(
    () => resolve(root, 12, true),
    HerdError,
    "none of the test images of class 'humans'",
  );
  assertEquals(error.code, "data");
  assertEquals(fixtures.filesBelow(join(root, "..", "cache")), []);
});

test(
  "of very many images that are left out all are counted, and as many named as there is room for",
  async (root, resolve) => {
    const many = Object.fromEntries(
      Array.from({ length: 2000 }, (_, i) => [`train/horses/${"x".repeat(200)}${i}.png`, text("x")]),
    );
    writeFiles(root, { ...splitFiles(), ...many });
    const { info: { skipped, train }, path } = await resolve(root, 12, true);
    assertEquals([skipped.count, train], [2000, 8]);
    assert(skipped.files.length > 500 && skipped.files.length < 2000, `${skipped.files.length}`);
    using dataset = PackedDataset.open(path);
    await dataset.verify();
  },
);
