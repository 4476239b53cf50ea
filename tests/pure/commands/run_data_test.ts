import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { loadData } from "../../../coordinator/commands/run_data.ts";
import { EventBus } from "../../../coordinator/events/mod.ts";
import { classFiles, temporaryDirectory, writeFiles } from "../../fixtures/data_files.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("read", "write"); // packs images

Deno.test("a limit that leaves nothing of a class is told, and no other", { ignore }, async () => {
  using place = temporaryDirectory();
  const data = writeFiles(join(place.path, "photos"), classFiles("", 5, ["a", "b", "c"]));
  const noticesOf = async (limit: number | undefined) => {
    const bus = new EventBus();
    const notices: string[] = [];
    using _ = bus.subscribe("test", (event) => void (event.type === "notice" && notices.push(event.text)));
    const environment = { cacheDir: join(place.path, "cache") };
    const { signal } = new AbortController();
    await loadData({ data, imageSize: 8, skipUnreadable: false, limit }, { environment, bus, signal });
    return notices;
  };
  assertEquals(await noticesOf(2), [
    "--limit 2 leaves no image to train on of 'c', and no test image of 'b', 'c', so that no test AUC can be told: " +
    "give a larger one",
  ]);
  assertEquals(await noticesOf(4), [
    "--limit 4 leaves no test image of 'b', 'c', so that no test AUC can be told: give a larger one",
  ]);
  for (const limit of [9, undefined]) assertEquals(await noticesOf(limit), []);
});
