// The page of the most wrong images in a browser: in the light, in the dark and on a phone. axe-core finds nothing in it,
// nothing is fetched, nothing is refused by the page's own policy. HERD_SHOTS names a folder for pictures. 10 s.
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { contactSheet } from "../../../coordinator/inference/contact_sheet.ts";
import { evaluationOf } from "../../../coordinator/inference/evaluation.ts";
import { thumbnail } from "../../../data/thumbnail.ts";
import { findings, startBrowser, whyNot, withoutBrowser } from "../../fixtures/browser.ts";
import { noiseSample } from "../../fixtures/engines.ts";

const CLASSES = ["cats", "dogs", "a-class-with-a-name-that-is-as-long-as-".repeat(4)];
const IMAGES = 60;
const SIDE = 64;

function sheet(): string {
  const labels = Uint8Array.from({ length: IMAGES }, (_, i) => i % 3);
  const logits = Float32Array.from({ length: 3 * IMAGES }, (_, i) => Math.sin(7 * i));
  const evaluation = evaluationOf({ losses: new Float32Array(IMAGES), logits }, labels, CLASSES);
  return contactSheet(evaluation, {
    model: "gc-0 of runs/a",
    data: `${IMAGES} test images`,
    nameOf: (index) => `validation/${"long_name_".repeat(index % 9)}${index}.png`,
    pictureOf: (index) => thumbnail(noiseSample(SIDE, index).pixels, SIDE, 48),
  });
}

Deno.test({
  name: `the contact sheet is sound in the light, in the dark and on a phone${whyNot}`,
  ignore: withoutBrowser,
  sanitizeOps: false, // the browser's pipes close when they like
  sanitizeResources: false,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "herd-page-" });
    const path = join(folder, "wrong.html");
    await Deno.writeTextFile(path, sheet());
    const browser = await startBrowser();
    try {
      const looks = { light: [1280, "light"], dark: [1280, "dark"], phone: [360, "light"] } as const;
      for (const [name, [width, colorScheme]] of Object.entries(looks)) {
        const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
        const said: string[] = [];
        const asked: string[] = [];
        page.on("console", (message) => said.push(message.text()));
        page.on("request", (request) => asked.push(request.url()));
        await page.goto(pathToFileURL(path).href);
        assertEquals(await findings(page), [], name);
        assertEquals(said, []);
        assertEquals(asked.filter((url) => !url.startsWith("data:")), [pathToFileURL(path).href]);
        const sizes = await page.evaluate(
          "[document.documentElement.scrollWidth, ...Array.from(document.images, (one) => one.naturalWidth)]",
        ) as number[];
        assert(sizes[0]! <= width, `${name}: ${sizes[0]} pixels wide`);
        assert(sizes.length > 20 && sizes.slice(1).every((size) => size === 48), "every picture is seen");
        const shots = Deno.env.get("HERD_SHOTS");
        if (shots) await page.screenshot({ path: join(shots, `contact-sheet-${name}.png`), fullPage: true });
        await page.close();
      }
    } finally {
      await browser.close();
      await Deno.remove(folder, { recursive: true });
    }
  },
});
