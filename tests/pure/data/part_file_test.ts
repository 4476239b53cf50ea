// A file that is being written: by one process alone, and gone or kept when it is not finished.
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { PartFile, type PartOptions } from "../../../data/part_file.ts";
import { partPath } from "../../../shared/atomic_file.ts";
import { HerdError } from "../../../shared/errors.ts";
import * as fixtures from "../../fixtures/data_files.ts";

function test(name: string, run: (path: string) => Promise<void>): void {
  Deno.test({
    name,
    ignore: fixtures.WITHOUT_FILES,
    fn: async () => {
      using directory = fixtures.temporaryDirectory();
      await run(join(directory.path, "made", "on", "the", "way", "x"));
    },
  });
}

const BYTES = Uint8Array.of(1, 2, 3);
const names = (path: string) => fixtures.filesBelow(join(path, ".."));

test("PartFile appends, overwrites, starts again, and gives the file its name", async (path) => {
  using part = await PartFile.openAlone(path);
  await part.write(BYTES);
  part.empty();
  await part.write(BYTES);
  await part.write(BYTES);
  await part.write(Uint8Array.of(9), 1);
  assertEquals(part.size, 6);
  assertEquals(names(path), ["x.part"]);
  await part.commit();
  assertEquals(names(path), ["x"]);
  assertEquals([...Deno.readFileSync(path)], [1, 9, 3, 1, 2, 3]);
});

test("what is unfinished is removed, or kept and gone on with", async (path) => {
  const leave = async (options: PartOptions) => {
    using part = await PartFile.openAlone(path, options);
    await part.write(BYTES);
    return part.size;
  };
  assertEquals([await leave({ keep: true }), await leave({ keep: true })], [3, 6]);
  assertEquals([await leave({}), names(path)], [3, []]);
  assertEquals(await leave({ keep: true }), 3);
  (await PartFile.openAlone(path, { keep: true })).discard();
  assertEquals(names(path), []);
});

test("PartFile waits for the one who has the file, who may finish it, and says so once", async (path) => {
  const notices: string[] = [];
  const first = await PartFile.openAlone(path);
  const waiting = PartFile.openAlone(path, { onNotice: (text) => notices.push(text) });
  await first.write(BYTES);
  await first.commit();
  using second = await waiting;
  assertEquals([second.size, names(path)], [0, ["x", "x.part"]]);
  assertEquals(notices, [`Another process is making '${path}': waiting for it`]);
});

test("PartFile does not wait for ever for one who does not go on", async (path) => {
  using _stuck = await PartFile.openAlone(path);
  const waiting = PartFile.openAlone(path, { internals: { patience: 1 } });
  const error = await assertRejects(() => waiting, HerdError, "does not go on: end it and run again");
  assertEquals(error.code, "data");
});

test("waiting ends with the signal's reason, and leaves the file to the other", async (path) => {
  using first = await PartFile.openAlone(path);
  const reason = new HerdError("interrupted", "Interrupted");
  const waiting = PartFile.openAlone(path, { signal: AbortSignal.abort(reason) });
  assertEquals(await assertRejects(() => waiting, HerdError), reason);
  await first.commit();
  assertEquals([Deno.readFileSync(path).length, names(path)], [0, ["x"]]);
});

test("a file that was renamed while another process opened it is not taken for the new one", async (path) => {
  const first = await PartFile.openAlone(path);
  using second = await PartFile.openAlone(path, {
    internals: {
      open(part) {
        const file = Deno.openSync(part, { write: true, create: true });
        // The other process ends between our opening and our locking.
        if (!names(path).includes("x")) {
          Deno.renameSync(part, path);
          first[Symbol.dispose]();
        }
        return file;
      },
    },
  });
  await second.write(BYTES);
  assertEquals([Deno.readFileSync(path).length, Deno.readFileSync(partPath(path)).length], [0, 3]);
});
