import { assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { testImages } from "../../../coordinator/commands/test_images.ts";
import type { SavedModel } from "../../../coordinator/inference/mod.ts";
import { ProgressLine } from "../../../shared/cli/progress_line.ts";
import { HerdError } from "../../../shared/errors.ts";
import { builtInModel } from "../../../shared/model.ts";
import { classFiles, temporaryDirectory, writeFiles } from "../../fixtures/data_files.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("read", "write"); // packs images

/** Of a run on other data. */
const MODEL = {
  folder: "runs/a",
  name: "gc-0",
  weights: new Float32Array(),
  numeric: { compute: { model: builtInModel("tiny", 22), dataset: "0" }, limit: null },
  classes: ["a", "b"],
  told: { data: "photos", skipUnreadable: false },
  because: "",
} as unknown as SavedModel;

Deno.test(
  "a set with an image a class is tested whole, and nobody hears how it might have been divided",
  { ignore },
  async () => {
    using place = temporaryDirectory();
    const told: string[] = [];
    const complain = (text: string) => void told.push(text);
    const load = (data: string) =>
      testImages(MODEL, {
        given: { data, skipUnreadable: false },
        surroundings: {
          environment: { HERD_CACHE_DIR: join(place.path, "cache") },
          progress: new ProgressLine(undefined, complain),
          complain,
        },
        signal: new AbortController().signal,
      });
    const single = writeFiles(join(place.path, "single"), classFiles("", 1, ["a", "b"]));
    assertEquals((await load(single)).description, "2 test images of single, not those of the run");
    const uneven = writeFiles(join(place.path, "uneven"), { ...classFiles("", 1, ["a"]), ...classFiles("", 2, ["b"]) });
    const { ids, labels } = await load(uneven);
    assertEquals([ids.length, [...labels]], [3, [0, 1, 1]]);
    assertEquals(told, []);
    const { code } = await assertRejects(() => load(join(place.path, "absent")), HerdError);
    assertEquals(code, "data");
  },
);
