// A data set that is written as a folder is the same data set.
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { exportDataset } from "../../../data/export.ts";
import { resolveDataset } from "../../../data/mod.ts";
import { resolveWith } from "../../../data/resolve.ts";
import { HerdError } from "../../../shared/errors.ts";
import { classFiles, temporaryDirectory, WITHOUT_FILES, writeFiles } from "../../fixtures/data_files.ts";

Deno.test({
  name: "export: what is packed from the written files has the same hash, and an existing folder is refused",
  ignore: WITHOUT_FILES,
  async fn() {
    using root = temporaryDirectory();
    const environment = { cacheDir: join(root.path, "cache"), dataDir: undefined, dataUrl: undefined };
    const names = ["ant", "bee", "cat"];
    const files = { ...classFiles("train", 3, names), ...classFiles("validation", 2, names) };
    const resolve = (data: string) => resolveDataset({ data, imageSize: 8, environment });
    const { path, info } = await resolve(writeFiles(join(root.path, "images"), files));
    const folder = join(root.path, "written");
    const signal = new AbortController().signal;
    const told: string[] = [];
    await exportDataset(path, folder, { signal, onProgress: ({ done, total }) => void told.push(`${done}/${total}`) });
    assertEquals(told.at(-1), "15/15");
    const again = (await resolve(folder)).info;
    assertEquals([again.sha256, again.classCounts], [info.sha256, info.classCounts]);
    const twice = () => exportDataset(path, folder, { signal, onProgress() {} });
    assertStringIncludes((await assertRejects(twice, HerdError)).message, "is there already");
    const aborted = { signal: AbortSignal.abort(new HerdError("interrupted", "Interrupted")), onProgress() {} };
    await assertRejects(() => exportDataset(path, join(root.path, "other"), aborted), HerdError, "Interrupted");
  },
});

Deno.test({
  name: "export: figures that Herd draws are the same data set from files, and are not taken for Horses or Humans",
  ignore: WITHOUT_FILES,
  async fn() {
    using root = temporaryDirectory();
    const environment = { cacheDir: join(root.path, "cache"), dataDir: undefined, dataUrl: undefined };
    const counts = { train: [3, 2], test: [1, 2] } as const;
    const { path, info } = await resolveWith({ data: "procedural", imageSize: 16, environment }, {
      archives: [],
      counts,
    });
    const folder = join(root.path, "photos");
    await exportDataset(path, folder, { signal: new AbortController().signal, onProgress() {} });
    const again = (await resolveDataset({ data: folder, imageSize: 16, environment })).info;
    assertEquals([again.sha256, again.name, again.classes], [info.sha256, "photos", ["drawn-horses", "drawn-humans"]]);
  },
});
