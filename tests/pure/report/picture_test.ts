import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { pairsPicture } from "../../../coordinator/report/picture.ts";
import { HerdError } from "../../../shared/errors.ts";
import { exampleReport } from "../../fixtures/reports.ts";

const SMALL = { seeds: 3, epochs: 2, arms: ["no-gc", "gc", "gc-update"], rates: [1e-4, 3e-4] } as const;

Deno.test("the picture stands alone: it has a title, a description, every colour that it uses, and nothing from elsewhere", async () => {
  const picture = await pairsPicture(exampleReport(SMALL));
  assert(picture.startsWith("<svg xmlns=") && picture.endsWith("</svg>\n"));
  assertEquals(picture.match(/<svg|<title|<desc|<style/g), ["<svg", "<title", "<desc", "<style"]);
  assertEquals(picture.match(/<script|<image|<use|href=|url\(|@import/g), null);
  const [light, dark] = picture.split("@media (prefers-color-scheme: dark)");
  const used = new Set([...picture.matchAll(/var\((--[a-z-]+)\)/g)].map(([, name]) => name!));
  assert(used.has("--paper") && used.has("--gc"));
  for (const name of used) for (const scheme of [light!, dark!]) assertStringIncludes(scheme, `${name}: #`);
});

Deno.test("the picture is of the comparison that the verdict is of: the second arm at the first rate, a line a seed", async () => {
  const picture = await pairsPicture(exampleReport(SMALL));
  assertStringIncludes(picture, ">gc − no-gc at 1e-4</title>");
  assertEquals(picture.match(/>seed \d</g)?.toSorted(), [">seed 0<", ">seed 1<", ">seed 2<"]);
});

Deno.test("the picture of drawn data says so; a run without pairs has none", async () => {
  const { dataset } = exampleReport(SMALL);
  const drawn = exampleReport({ ...SMALL, changes: { dataset: { ...dataset, fallback: true } } });
  assertStringIncludes(await pairsPicture(drawn), ">PROCEDURAL DATA</text>");
  for (const none of [exampleReport({ seeds: 0 }), exampleReport({ ...SMALL, arms: ["gc"] })]) {
    assertEquals((await assertRejects(() => pairsPicture(none), HerdError)).code, "data");
  }
});
