// The dashboard in a browser, through a run's troubles: it grows, a worker is killed and comes back, the coordinator is killed
// and resumed, and the run is stopped from the page. HERD_SHOTS names a folder in which the pictures are left. 30 s.
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { findings, startBrowser, whyNot, withoutBrowser } from "../../fixtures/browser.ts";
import { freeAddress, Workspace } from "../../fixtures/herd.ts";

const DEADLINE_MS = 60_000;
const DESK = { width: 1280, height: 900 };
const PHONE = { width: 360, height: 780 };

/** A run that lasts until somebody stops it, and the link that it prints. */
class Run {
  readonly child: Deno.ChildProcess;
  readonly link: Promise<string>;
  readonly #said: Promise<string>;

  constructor(workspace: Workspace, args: readonly string[]) {
    const child = this.child = workspace.spawn(args);
    const found = Promise.withResolvers<string>();
    this.link = found.promise;
    this.#said = (async () => {
      let text = "";
      for await (const piece of child.stderr.pipeThrough(new TextDecoderStream())) {
        text += piece;
        const [link] = /http:\S+#\w+/.exec(text) ?? [];
        if (link !== undefined) found.resolve(link);
      }
      found.reject(new Error(`No link in: ${text}`));
      return text;
    })();
    this.link.catch(() => {});
  }

  /** Waits for its end. */
  async end(): Promise<{ code: number; stderr: string }> {
    await this.child.stdout.cancel();
    return { code: (await this.child.status).code, stderr: await this.#said };
  }
}

/** Waits until something on the page is so. @param what an expression of the page; its policy forbids it to wait for that itself */
async function seen(page: Page, what: string): Promise<void> {
  for (const end = Date.now() + DEADLINE_MS; Date.now() < end;) {
    if (await page.evaluate(`Boolean(${what})`)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`Not so: ${what}; the page says: ${await page.innerText("body")}`);
}

const isIn = (state: string) => `document.getElementById("state").textContent === ${JSON.stringify(state)}`;
const EPOCHS = `Number(/^epoch (\\d+)/.exec(document.querySelector(".reading")?.textContent)?.[1] ?? 0)`;
const WORKERS = `[...document.querySelectorAll("#workers-table tbody tr")].map((row) => row.innerText)`;

/** Looks at the page in the light and in the dark, on a desk and on a phone, with all that is folded in it. */
async function look(page: Page, name: string): Promise<void> {
  const shots = Deno.env.get("HERD_SHOTS");
  for (const isOpen of [false, true]) {
    await page.evaluate(`document.querySelectorAll("details").forEach((one) => one.open = ${isOpen})`);
    for (
      const [mode, viewport, colorScheme] of [["light", DESK, "light"], ["dark", DESK, "dark"], [
        "phone",
        PHONE,
        "dark",
      ]] as const
    ) {
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme });
      await seen(page, `document.querySelector(".plot canvas")?.clientWidth <= ${viewport.width}`);
      const path = join(shots ?? "", `${name}-${isOpen ? "open-" : ""}${mode}.png`);
      if (shots) await page.screenshot({ fullPage: true, path });
      assertEquals(await findings(page), [], `${name}, ${mode}`);
      const [wide, shown] = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]") as [
        number,
        number,
      ];
      assert(wide <= shown, `${name}, ${mode}: ${wide} pixels wide on a screen of ${shown}`);
    }
  }
  await page.setViewportSize(DESK);
}

Deno.test({
  name: `the dashboard shows a run through its troubles, and stops it${whyNot}`,
  ignore: withoutBrowser,
  sanitizeOps: false, // the browser's pipes close when they like
  sanitizeResources: false,
  async fn(test) {
    await using workspace = await Workspace.create();
    const address = freeAddress();
    const own = ["--dashboard", address, "--quiet"];
    const args = workspace.train("shown", "--backend", "simd", "--workers", "2", "--checkpoint-steps", "1", ...own);
    const last = args.lastIndexOf("--epochs");
    args[last + 1] = "100000";
    let run = new Run(workspace, args);
    const browser = await startBrowser();
    try {
      const context = await browser.newContext({ viewport: DESK });
      const page = await context.newPage();
      const asked = new Set<string>();
      const wrong: string[] = [];
      page.on("request", (request) => asked.add(new URL(request.url()).origin));
      page.on("pageerror", ({ message }) => wrong.push(message));
      page.on("console", (message) => {
        if (message.type() === "error" && !message.text().includes("net::ERR_")) wrong.push(message.text());
      });

      await test.step("a training is seen growing", async () => {
        await page.goto(await run.link);
        await seen(page, isIn("Training"));
        assertEquals(page.url(), `http://${address}/`, "the secret is out of the address");
        const before = await page.evaluate(EPOCHS) as number;
        await seen(page, `${EPOCHS} > ${before + 3}`);
        await page.evaluate(`document.querySelectorAll("details").forEach((one) => one.open = true)`);
        await seen(page, `document.querySelectorAll(".chart tbody tr").length > 20`);
        await seen(page, `document.querySelector(".plot")?.getAttribute("aria-label")?.includes("no-gc 0.")`);
        await seen(page, `document.querySelectorAll("#parts-table tbody tr").length === 5`);
      });

      await test.step("nothing is wrong with it in the light, in the dark and on a phone", () =>
        look(page, "training"));

      await test.step("a worker is killed and seen to come back", async () => {
        const rows = await page.evaluate(WORKERS) as string[];
        assertEquals(rows.length, 2);
        const pid = Number(/pid (\d+)/.exec(rows.find((row) => row.startsWith("w2"))!)![1]);
        Deno.kill(pid, "SIGKILL");
        const row = `${WORKERS}.find((row) => row.startsWith("w2"))`;
        await seen(page, `/\\s1$/.test(${row})`);
        await seen(page, `!${row}?.includes("gone") && !${row}?.includes("pid ${pid}")`);
        assertMatch(
          await page.textContent("#log") ?? "",
          /Worker w2 is gone: .*Worker w2 is ready|w2 is started again/,
        );
      });

      await test.step("whoever has no link sees nothing", async () => {
        const stranger = await browser.newContext({ viewport: DESK });
        const other = await stranger.newPage();
        await other.goto(`http://${address}/`);
        await seen(other, isIn("This page is locked"));
        assertEquals(await findings(other), []);
        assertEquals(await other.isVisible("#all"), false);
        await stranger.close();
      });

      await test.step("the coordinator is killed and resumed, and the page is there again", async () => {
        run.child.kill("SIGKILL");
        assertEquals((await run.end()).code, 137);
        await seen(page, isIn("The connection is lost: trying again"));
        const before = await page.evaluate(EPOCHS) as number;
        const folder = join(workspace.path, "shown");
        run = new Run(workspace, ["train", "--resume", folder, "--data", join(workspace.path, "images"), ...own]);
        await seen(page, isIn("Training"));
        await seen(page, `${EPOCHS} > ${before}`);
        assertStringIncludes(await page.textContent("#log") ?? "", "Resumed at arm");
      });

      await test.step("a further link opens in another browser, and the run is stopped from there", async () => {
        await page.click("#share");
        await seen(page, `document.getElementById("share-link").value.includes("#")`);
        const link = await page.inputValue("#share-link");
        await page.keyboard.press("Escape");
        const guest = await browser.newContext({ viewport: DESK });
        const other = await guest.newPage();
        await other.goto(link);
        await seen(other, isIn("Training"));
        await other.focus("#stop");
        await other.keyboard.press("Enter");
        await other.keyboard.press("Enter"); // on the safe answer
        await seen(other, `!document.getElementById("stop-dialog").open`);
        await other.keyboard.press("Enter");
        await other.keyboard.press("Tab");
        await other.keyboard.press("Enter");
        const { code, stderr } = await run.end();
        assertEquals(code, 130, stderr);
        for (const one of [page, other]) {
          await seen(one, isIn("Broken off"));
          assertStringIncludes(await one.textContent("#reason") ?? "", "go on with: deno task train --resume");
        }
        await look(page, "stopped");
      });

      assertEquals([...asked], [`http://${address}`]);
      assertEquals(wrong, []);
    } finally {
      await browser.close();
      try {
        run.child.kill("SIGKILL");
      } catch {
        // It is over.
      }
      await run.child.status;
    }
  },
});
