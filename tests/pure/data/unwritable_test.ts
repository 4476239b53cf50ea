// A cache that cannot be written is the user's to mend: exit code 3, and what to set. Whoever runs the tests may be root, whom
// no file's mode stops: so a file stands where a folder should be.
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { dirname, join } from "node:path";
import { download } from "../../../data/download.ts";
import { ChunkedCacheWriter, openLogFolder } from "../../../data/mod.ts";
import { packedPath } from "../../../data/pack.ts";
import { PartFile } from "../../../data/part_file.ts";
import { proceduralSource } from "../../../data/procedural.ts";
import { resolveWith } from "../../../data/resolve.ts";
import { EXIT_CODES, HerdError } from "../../../shared/errors.ts";
import * as fixtures from "../../fixtures/data_files.ts";

const COUNTS = { train: [1, 1], test: [1, 1] } as const;
const MANIFEST = { byteLength: 5, chunkBytes: 5, hashes: [fixtures.sha256(new Uint8Array(5))] };
/** No connection is made: the file cannot be opened. */
const FILE = { url: new URL("http://127.0.0.1:1/x.zip"), bytes: 5, sha256: "" };

/** All that writes to a cache, with the folders in it that are written. */
const WRITERS: Readonly<Record<string, [folder: string, write: (cacheDir: string) => unknown]>> = {
  "packing a data set": [
    "packed",
    (cacheDir) =>
      resolveWith({ data: "procedural", imageSize: 8, environment: { cacheDir } }, { archives: [], counts: COUNTS }),
  ],
  "a download": ["downloads", (cacheDir) => download(FILE, join(cacheDir, "downloads", "x.zip"))],
  "a locked file": ["any", (cacheDir) => PartFile.openAlone(join(cacheDir, "any", "x"))],
  "collecting chunks": ["fetched", (cacheDir) => ChunkedCacheWriter.open(cacheDir, MANIFEST)],
  "a relay's logs": ["relays", (cacheDir) => openLogFolder(cacheDir, "0123456789abcdef-r1")],
};

/** Where a cache cannot be: makes what is in the way of a folder, and returns the cache's. */
const PLACES: Readonly<Record<string, (root: string, folder: string) => string>> = {
  "the cache is a file": (root) => blocked(join(root, "cache")),
  "the cache is below a file": (root) => join(blocked(join(root, "file")), "cache"),
  "a folder of the cache is a file": (root, folder) => dirname(blocked(join(root, "cache", folder))),
};

function blocked(path: string): string {
  Deno.mkdirSync(dirname(path), { recursive: true });
  Deno.writeTextFileSync(path, "in the way");
  return path;
}

for (const [where, place] of Object.entries(PLACES)) {
  for (const [what, [folder, write]] of Object.entries(WRITERS)) {
    Deno.test({
      name: `${what}: ${where}`,
      ignore: fixtures.WITHOUT_FILES,
      fn: async () => {
        using directory = fixtures.temporaryDirectory();
        const cacheDir = place(directory.path, folder);
        await assertTold(cacheDir, async () => await write(cacheDir));
      },
    });
  }
}

Deno.test({
  name: "packing and collecting: the unfinished file cannot be opened",
  ignore: fixtures.WITHOUT_FILES,
  fn: async () => {
    using directory = fixtures.temporaryDirectory();
    const cacheDir = directory.path;
    const { identity } = proceduralSource(COUNTS);
    Deno.mkdirSync(`${packedPath(cacheDir, identity, { imageSize: 8 })}.part`, { recursive: true });
    await assertTold(cacheDir, async () => await WRITERS["packing a data set"]![1](cacheDir));
    using writer = await ChunkedCacheWriter.open(join(cacheDir, "other"), MANIFEST);
    Deno.mkdirSync(`${join(cacheDir, "fetched", writer.path.split("/").at(-1)!)}.part`, { recursive: true });
    await assertTold(cacheDir, () => ChunkedCacheWriter.open(cacheDir, MANIFEST));
  },
});

async function assertTold(cacheDir: string, write: () => Promise<unknown>): Promise<void> {
  const error = await assertRejects(write, HerdError, `Cannot write '${cacheDir}`);
  assertEquals(EXIT_CODES[error.code], 3);
  assertStringIncludes(error.message, "set HERD_CACHE_DIR to a directory that can be written");
}
