// What the pages promise each other: links that lead somewhere, a README that can be read at one go, examples of every event.
import { assert, assertEquals } from "@std/assert";
import type { RunEvent } from "../../coordinator/events/mod.ts";
import { DATASET, epochRecord, FACTS } from "../fixtures/events.ts";
import { granted } from "../fixtures/permissions.ts";

const ROOT = new URL("../../", import.meta.url);
const ignore = !await granted("read"); // reads the pages
const ROOMS = ["coordinator", "worker", "data", "shared", "tests"];
const MOST_LINES = 200;
const TUTORIAL = "coordinator/commands/TUTORIAL.md";

/** A page's lines without its blocks of code. */
function proseOf(page: string): string[] {
  let isCode = false;
  return page.split("\n").filter((line) => {
    const isFence = line.startsWith("```");
    if (isFence) isCode = !isCode;
    return !isFence && !isCode;
  });
}

/** What its links lead to. */
function targetsOf(page: string): string[] {
  const prose = proseOf(page).join("\n").replace(/`[^`]*`/g, "");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
}

/** The anchors of its headings, as GitHub makes them. */
function anchorsOf(page: string): string[] {
  const headings = proseOf(page).flatMap((line) => /^#+ (.*)$/.exec(line)?.[1] ?? []);
  return headings.map((text) => text.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-"));
}

/** The relative links of a page that lead nowhere. @param read the text of a file, or undefined if there is none */
async function brokenLinks(url: URL, read: (url: URL) => Promise<string | undefined>): Promise<string[]> {
  const page = await read(url);
  assert(page !== undefined, `${url} can be read`);
  const broken: string[] = [];
  for (const target of targetsOf(page)) {
    if (/^[a-z]+:/.test(target)) continue; // elsewhere
    const { href, hash } = new URL(target, url);
    const there = await read(new URL(href.replace(/#.*$/, "")));
    if (there === undefined || (hash !== "" && !anchorsOf(there).includes(hash.slice(1)))) broken.push(target);
  }
  return broken;
}

async function readIfThere(url: URL): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(url);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The README of every folder of a room. */
async function pagesIn(folder: URL): Promise<URL[]> {
  const found: URL[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) found.push(...await pagesIn(new URL(`${name}/`, folder)));
    else if (name === "README.md") found.push(new URL(name, folder));
  }
  return found;
}

const readme = new URL("README.md", ROOT);
const pages = ignore ? [] : (await Promise.all(ROOMS.map((room) => pagesIn(new URL(`${room}/`, ROOT))))).flat();

Deno.test({
  name: "docs: every relative link leads to a file, and to a heading where it names one",
  ignore,
  async fn() {
    for (const page of [readme, ...["CONTRIBUTING.md", TUTORIAL].map((path) => new URL(path, ROOT)), ...pages]) {
      assertEquals(await brokenLinks(page, readIfThere), [], page.pathname);
    }
  },
});

Deno.test({
  name: "docs: README has at most 200 lines and leads to every page",
  ignore,
  async fn() {
    const text = await Deno.readTextFile(readme);
    assert(text.trimEnd().split("\n").length <= MOST_LINES);
    const linked = targetsOf(text).map((target) => new URL(target, readme).href.replace(/#.*$/, ""));
    assertEquals(pages.map(({ href }) => href).filter((href) => !linked.includes(href)), []);
    assert(pages.length > 0, "the pages were found");
  },
});

Deno.test("docs: a link to a missing file, heading or page is noticed, one in code or to elsewhere is not followed", async () => {
  const files: Record<string, string> = {
    "file:///a/page.md": "# Page\n[a](other.md#b-c) [b](gone.md) [c](#none) [`d`](#page) [e](https://x.test/)\n" +
      "`[f](in-code.md)`\n```\n[g](in-block.md)\n## None\n```\n[h](../page.md)\n[i](other.md#what-is-promised-and-what-is-not)",
    "file:///a/other.md": "## B `c`\n## What is promised, and what is not",
  };
  const broken = await brokenLinks(new URL("file:///a/page.md"), ({ href }) => Promise.resolve(files[href]));
  assertEquals(broken, ["gone.md", "#none", "../page.md"]);
});

Deno.test({
  name: "docs: the page of the events has every type, an example of each, and the fields that the example has",
  ignore,
  async fn() {
    const types: Readonly<Record<RunEvent["type"], true>> = {
      notice: true,
      data: true,
      dataset: true,
      run: true,
      worker: true,
      fault: true,
      check: true,
      taint: true,
      spans: true,
      step: true,
      epoch: true,
      diverged: true,
      diagnostics: true,
      checkpoint: true,
      end: true,
    };
    const page = await Deno.readTextFile(new URL("coordinator/events/README.md", ROOT));
    const examples = page.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
    assertEquals(examples.map(({ type }) => type), Object.keys(types));
    const rows = [...page.matchAll(/^\| `(\w+)` *\| `(\w+)` *\|/gm)].map(([, type, field]) => `${type} ${field}`);
    const fields = examples.flatMap(({ type, time, ...rest }) => {
      assertEquals(typeof time, "number");
      return Object.keys(rest).map((field) => `${type} ${field}`);
    });
    assertEquals(rows.toSorted(), fields.toSorted());
    // An example is of what is told now.
    const example = (type: RunEvent["type"]) => examples.find((one) => one.type === type);
    const [run, dataset, epoch] = [example("run"), example("dataset"), example("epoch")];
    const namesOf = (one: object) => Object.keys(one).filter((name) => name !== "type" && name !== "time").toSorted();
    assertEquals(namesOf(run), namesOf(FACTS));
    assertEquals(namesOf(dataset), namesOf(DATASET));
    assertEquals(namesOf(epoch.record), namesOf(epochRecord(1)));
    const often = [...page.matchAll(/^\| `(\w+)` *\| [^`]/gm)].map(([, type]) => type);
    assertEquals(often, Object.keys(types));
  },
});
