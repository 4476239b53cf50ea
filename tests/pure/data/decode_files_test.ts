// Decoding on several cores: the same images in the same order as on one, and threads that fail or are ended.
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { DecodePool } from "../../../data/decode_pool.ts";
import { decodeFiles, imageFile, type ImageInput, resolveDataset } from "../../../data/mod.ts";
import { openImageFiles } from "../../../data/image_files.ts";
import { HerdError } from "../../../shared/errors.ts";
import * as fixtures from "../../fixtures/data_files.ts";

const NOT_AN_IMAGE = new TextEncoder().encode("hello");

/** Images of very different sizes, so that they are not done in the order in which they were begun. */
const inputs: readonly ImageInput[] = Array.from({ length: 24 }, (_, i) => {
  const side = 4 + (i * 37) % 60;
  const bytes = i % 7 === 3 ? NOT_AN_IMAGE : fixtures.png(i, { width: side, height: side + i % 3 });
  return { name: `${i}.png`, read: () => Promise.resolve(bytes) };
});

Deno.test("decodeFiles() gives the same in the same order on one core and on several", async () => {
  const [one, three] = await Promise.all(
    [1, 3].map((threads) => Array.fromAsync(decodeFiles(inputs, { imageSize: 9, threads }))),
  );
  assertEquals(three!.map((file) => ({ ...file })), one!.map((file) => ({ ...file })));
  assertEquals(one!.map(({ name }) => name), inputs.map(({ name }) => name));
  for (const [i, file] of three!.entries()) {
    assertEquals("error" in file, i % 7 === 3);
    if ("image" in file) assertEquals(file.image.pixels.length, 9 * 9 * 3);
    else assertStringIncludes(file.error.message, `'${i}.png' is neither`);
  }
});

Deno.test("decodeFiles() tells of what cannot be read and goes on, and throws what is no fault of a file", async () => {
  const absent = imageFile("/nowhere/x.png");
  const bug: ImageInput = { name: "bug", read: () => Promise.reject(new TypeError("a bug")) };
  const [first, second] = await Array.fromAsync(decodeFiles([absent, inputs[0]!], { imageSize: 4 }));
  assert("error" in first! && first.error.message.includes("/nowhere/x.png"));
  assert("image" in second!);
  for (const threads of [1, 2]) {
    await assertRejects(() => Array.fromAsync(decodeFiles([bug], { imageSize: 4, threads })), TypeError, "a bug");
  }
});

Deno.test("decodeFiles() ends at once when aborted, and when nobody asks for more", async () => {
  for (const threads of [1, 2]) {
    const controller = new AbortController();
    const reason = new HerdError("interrupted", "Interrupted");
    let seen = 0;
    const decoding = async () => {
      for await (const _ of decodeFiles(inputs, { imageSize: 4, threads, signal: controller.signal })) {
        if (++seen === 2) controller.abort(reason);
      }
    };
    assertEquals(await assertRejects(decoding, HerdError), reason);
    assertEquals(seen, 2);
    for await (const _ of decodeFiles(inputs, { imageSize: 4, threads })) break; // a thread that stayed would be noticed
  }
});

/** A pool whose threads run other code. */
const poolOf = (code: string, deadlineMs?: number) =>
  new DecodePool(2, { entry: new URL(`data:application/javascript,${encodeURIComponent(code)}`), deadlineMs });
const order = { name: "x.png", bytes: new Uint8Array(3), imageSize: 4 };

Deno.test("a thread that dies has the name of its image, and the next image another thread", async () => {
  using pool = poolOf(`onmessage = ({ data }) => {
    if (data.name === "x.png") throw new Error("out of memory");
    postMessage({ unreadable: data.name });
  };`);
  const orders = ["a", "x.png", "b", "x.png", "c", "d"].map((name) => pool.decode({ ...order, name }));
  const results = await Promise.allSettled(orders);
  const messages = results.map((result) => result.status === "rejected" ? result.reason.message : "");
  assertEquals([messages[0], messages[2], messages[4], messages[5]], ["a", "b", "c", "d"]);
  assertStringIncludes(messages[1]!, "'x.png' cannot be decoded: its thread has died (");
  assertStringIncludes(messages[3]!, "out of memory");
});

Deno.test("a thread that never answers is ended, and a bug in it names the image", async () => {
  {
    using pool = poolOf("onmessage = () => {}", 20);
    const error = await assertRejects(
      () => pool.decode(order),
      HerdError,
      "'x.png' cannot be decoded: it takes too long",
    );
    assertEquals(error.code, "data");
  }
  using pool = poolOf(`onmessage = () => postMessage({ bug: "no such thing", stack: "here" })`);
  const error = await assertRejects(() => pool.decode(order), Error, "no such thing (decoding 'x.png')");
  assertEquals([error instanceof HerdError, error.stack], [false, "here"]);
});

Deno.test("a pool that has ended answers everything with the reason", async () => {
  const pool = poolOf("onmessage = () => {}");
  const waiting = [1, 2, 3].map(() => pool.decode(order));
  const reason = new HerdError("interrupted", "Interrupted");
  pool.end(reason);
  for (const decoding of [...waiting, pool.decode(order)]) {
    assertEquals(await assertRejects(() => decoding, HerdError), reason);
  }
});

Deno.test("threads that decode may do nothing else", async () => {
  using pool = poolOf(`onmessage = async () => {
    const names = ["read", "write", "net", "env", "run", "sys", "ffi"];
    const states = await Promise.all(names.map((name) => Deno.permissions.query({ name })));
    postMessage({ unreadable: states.filter(({ state }) => state === "granted").length + " of " + states.length });
  }`);
  await assertRejects(() => pool.decode(order), HerdError, "0 of 7");
});

Deno.test({
  name: "the packed file has the same bytes whatever number of cores has decoded the images",
  ignore: fixtures.WITHOUT_FILES,
  async fn() {
    using directory = fixtures.temporaryDirectory();
    const root = fixtures.writeFiles(join(directory.path, "images"), {
      ...fixtures.classFiles("train/", 8, ["a", "b", "c"]),
      ...fixtures.classFiles("test/", 3, ["a", "b", "c"]),
      "train/b/bad.png": NOT_AN_IMAGE,
    });
    const packed = [];
    for (const threads of [1, 2]) {
      using source = await openImageFiles(root);
      const path = join(directory.path, `${threads}.herd`);
      const info = await fixtures.packTo(path, source, { imageSize: 7, threads, skipUnreadable: true });
      assertEquals(info.skipped, { count: 1, files: [join(root, "train/b/bad.png")] });
      packed.push(fixtures.sha256(Deno.readFileSync(path)));
    }
    assertEquals(new Set(packed).size, 1);
  },
});

Deno.test({
  name: "images that are there more than once are found, across the splits and within them",
  ignore: fixtures.WITHOUT_FILES,
  async fn() {
    using directory = fixtures.temporaryDirectory();
    const files = fixtures.splitFiles();
    const twin = files["train/humans/humans-1.png"]!;
    const root = fixtures.writeFiles(join(directory.path, "images"), {
      ...files,
      "train/horses/twin.png": twin,
      "validation/humans/twin.png": twin,
      "validation/humans/twin 2.png": twin,
    });
    const { info: { duplicates } } = await resolveDataset({
      data: root,
      imageSize: 2,
      environment: { cacheDir: join(directory.path, "cache") },
    });
    const train = join(root, "train/horses/twin.png");
    const test = ["twin 2.png", "twin.png"].map((name) => join(root, "validation/humans", name));
    assertEquals(duplicates, {
      across: 2,
      files: test.map((test) => ({ train, test })),
      within: { train: 1, test: 1 },
    });
  },
});
