// Files that are not read, or do not go on.
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { FolderTree } from "../../../data/file_tree.ts";
import { LimitError, MOST_FILE_BYTES } from "../../../data/image_limits.ts";
import type { Readable } from "../../../data/read_at.ts";
import { openRegular, readRegular } from "../../../data/regular_file.ts";
import { HerdError } from "../../../shared/errors.ts";
import * as fixtures from "../../fixtures/data_files.ts";

function test(name: string, run: (path: string) => Promise<void>): void {
  Deno.test({
    name,
    ignore: fixtures.WITHOUT_FILES,
    fn: async () => {
      using directory = fixtures.temporaryDirectory();
      const path = join(directory.path, "x.png");
      Deno.writeFileSync(path, Uint8Array.of(1, 2, 3));
      await run(path);
    },
  });
}

const never = () => new Promise<never>(() => {});

test("a regular file is read, and one behind a link", async (path) => {
  assertEquals(await readRegular(path), Uint8Array.of(1, 2, 3));
  Deno.symlinkSync("x.png", `${path}.link`);
  assertEquals(await readRegular(`${path}.link`), Uint8Array.of(1, 2, 3));
});

test("a folder is no regular file, before it is opened", async (path) => {
  Deno.mkdirSync(`${path}.d`);
  let opened = 0;
  const open = () => (opened++, never());
  await assertRejects(() => readRegular(`${path}.d`, { open }), Error, "not a regular file");
  assertEquals(opened, 0);
});

test("a file that does not open, or stops in the middle, is given up", async (path) => {
  let reads = 0;
  let closed = 0;
  const stuck: Readable = {
    read: (target) => reads++ === 0 ? Promise.resolve(Math.min(1, target.length)) : never(),
    seek: () => Promise.resolve(0),
    stat: () => Deno.stat(path),
    close: () => closed++,
  };
  const stallMs = 20;
  await assertRejects(() => readRegular(path, { open: never, stallMs }), Error, "no byte of it came for 0.02 s");
  await assertRejects(() => readRegular(path, { open: async () => await stuck, stallMs }), Error, "no byte of it came");
  assertEquals([reads, closed], [2, 1]);
  using file = await openRegular(path, { open: async () => await { ...stuck, stat: never, seek: never }, stallMs });
  await assertRejects(() => file.stat(), Error, "no byte of it came");
  await assertRejects(() => file.seek(0, Deno.SeekMode.Start), Error, "no byte of it came");
});

test("a file larger than an image may be is not read: its name, size and the limit are told", async (path) => {
  Deno.truncateSync(path, MOST_FILE_BYTES + 1); // it takes no room on the disk
  await assertRejects(() => readRegular(path), LimitError, "it has 257 MB, the limit is 256 MB");
  const error = await assertRejects(() => new FolderTree(join(path, "..")).read("x.png"), HerdError, `'${path}'`);
  assertEquals(error.code, "data");
});
