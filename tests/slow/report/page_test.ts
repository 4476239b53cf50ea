// The report's page in a browser: in the light, in the dark, on a phone and on paper. axe-core finds nothing serious in
// it, nothing is fetched, and a phone needs not be scrolled sideways. HERD_SHOTS names a folder in which the pictures
// are left. 50 s.
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, BrowserContextOptions } from "playwright-core";
import { parseReport } from "../../../coordinator/report/parse_report.ts";
import { reportHtml } from "../../../coordinator/report/report_html.ts";
import { findings, startBrowser, whyNot, withoutBrowser } from "../../fixtures/browser.ts";
import { exampleReport } from "../../fixtures/reports.ts";

const SERIOUS = ["serious", "critical"];

const LOOKS: Readonly<Record<string, BrowserContextOptions>> = {
  light: { viewport: { width: 1280, height: 900 }, colorScheme: "light" },
  dark: { viewport: { width: 1280, height: 900 }, colorScheme: "dark" },
  phone: { viewport: { width: 360, height: 780 }, colorScheme: "light" },
  print: { viewport: { width: 1280, height: 900 }, colorScheme: "light" },
};

/** Reports that between them have everything that a page may show. */
function pages(): Readonly<Record<string, Promise<string>>> {
  const small = exampleReport({ seeds: 6, epochs: 4, arms: ["no-gc", "gc"], diverged: { arm: "gc", seed: 3 } });
  const since = { key: { arm: "gc", seed: 0 }, epoch: 2, step: 1, steps: 9 } as const;
  const marked = {
    ...small,
    complete: false,
    taints: [{ worker: "r2", host: "node7", since }],
    dataset: { ...small.dataset, fallback: true, name: "a-name-that-is-as-long-as-".repeat(9) },
    plan: { ...small.plan, protocol: "as-published" },
    engine: { ...small.engine, adapter: "Long.Name.Without.A.Space".repeat(12) },
  } as const;
  const { arms, dataset, model, engine, workers } = exampleReport({ seeds: 1, epochs: 3, arms: ["no-gc", "gc"] });
  const first = { complete: true, bitIdentical: true, arms, comparison: [], dataset, model, engine, workers };
  const whole = { seeds: 10, rates: [1e-4, 3e-5, 3e-4], control: true, diagnostics: true, published: true };
  return {
    whole: reportHtml(exampleReport(whole)),
    marked: reportHtml(marked),
    first: reportHtml(parseReport(JSON.stringify(first), "first")),
    empty: reportHtml(exampleReport({ seeds: 0 })),
  };
}

/** Opens a page with all that is folded in it, looks at it, and leaves a picture. */
async function look(browser: Browser, { path, name }: { readonly path: string; readonly name: string }, mode: string) {
  const context = await browser.newContext(LOOKS[mode]);
  try {
    const page = await context.newPage();
    const [asked, said]: string[][] = [[], []];
    page.on("request", (request) => asked!.push(request.url()));
    page.on("console", (message) => said!.push(message.text()));
    await page.goto(pathToFileURL(path).href);
    if (mode === "print") await page.emulateMedia({ media: "print" });
    const shots = Deno.env.get("HERD_SHOTS");
    const picture = await page.screenshot({
      fullPage: true,
      ...shots ? { path: join(shots, `${name}-${mode}.png`) } : {},
    });
    await page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)");
    assertEquals(await findings(page, SERIOUS), [], `${name}, ${mode}`);
    const [wide, seen] = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]") as [number, number];
    assert(wide <= seen, `${name}, ${mode}: ${wide} pixels wide on a screen of ${seen}`);
    assertEquals(asked, [pathToFileURL(path).href]);
    assertEquals(said, []);
    return { picture, pdf: mode === "print" ? await page.pdf({ format: "A4", preferCSSPageSize: true }) : null };
  } finally {
    await context.close();
  }
}

Deno.test({
  name: `the report's page is sound in the light, in the dark, on a phone and on paper${whyNot}`,
  ignore: withoutBrowser,
  sanitizeOps: false, // the browser's pipes close when they like
  sanitizeResources: false,
  async fn(test) {
    const folder = await Deno.makeTempDir({ prefix: "herd-page-" });
    const browser = await startBrowser();
    try {
      for (const [name, html] of Object.entries(pages())) {
        await test.step(name, async () => {
          const path = join(folder, `${name}.html`);
          await Deno.writeTextFile(path, await html);
          const seen = new Map<string, Uint8Array>();
          for (const mode of Object.keys(LOOKS)) {
            const { picture, pdf } = await look(browser, { path, name }, mode);
            seen.set(mode, picture);
            if (pdf !== null) assert(pdf.length > 10_000, `${pdf.length} bytes of paper`);
          }
          const [light, dark] = [seen.get("light")!, seen.get("dark")!];
          assert(light.length > 10_000 && dark.length > 10_000 && !light.every((byte, i) => byte === dark[i]));
        });
      }
    } finally {
      await browser.close();
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: `axe-core sees what is wrong with a page${whyNot}`,
  ignore: withoutBrowser,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const browser = await startBrowser();
    try {
      const page = await browser.newPage();
      await page.setContent(
        '<!doctype html><title>a</title><main><svg role="img"></svg><p style="color:#ccc">pale</p></main>',
      );
      const found = (await findings(page, SERIOUS)).map((text) => text.split(":")[0]);
      for (const id of ["html-has-lang", "svg-img-alt", "color-contrast"]) {
        assert(found.includes(id), `${id}: ${found}`);
      }
    } finally {
      await browser.close();
    }
  },
});
