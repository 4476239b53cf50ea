import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { reportCommand } from "../../../coordinator/commands/report.ts";
import { consoleOf } from "../../../shared/cli/console.ts";
import { HerdError } from "../../../shared/errors.ts";
import { granted } from "../../fixtures/permissions.ts";
import { type ExampleOptions, exampleReport } from "../../fixtures/reports.ts";

const ignore = !await granted("read", "write"); // writes runs' folders

/** Folders of runs with these reports, and what the command prints of them. */
class Runs implements AsyncDisposable {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  static async of(reports: Readonly<Record<string, string>>): Promise<Runs> {
    const runs = new Runs(await Deno.makeTempDir());
    for (const [name, text] of Object.entries(reports)) {
      await Deno.mkdir(runs.folder(name));
      await Deno.writeTextFile(join(runs.folder(name), "report.json"), text);
    }
    return runs;
  }

  folder(name: string): string {
    return join(this.#path, name);
  }

  async files(name: string): Promise<string[]> {
    return (await Array.fromAsync(Deno.readDir(this.folder(name)))).map((entry) => entry.name).sort();
  }

  report(...names: string[]): Promise<string> {
    return this.run(names.map((name) => this.folder(name)));
  }

  async run(args: readonly string[]): Promise<string> {
    const lines: string[] = [];
    const sinks = { error: (line: string) => lines.push(line), live: undefined, colour: false };
    const outLater = (bytes: Uint8Array) => Promise.resolve(bytes.length);
    const shown = consoleOf({ out: (line) => lines.push(line), outLater, ...sinks });
    const surroundings = { ...shown, version: "0", environment: {} };
    await reportCommand().run(args, surroundings);
    return lines.join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#path, { recursive: true });
  }
}

const SMALL = { seeds: 2, epochs: 2, arms: ["no-gc", "gc"] } as const;
const text = (options: ExampleOptions = {}) => JSON.stringify(exampleReport({ ...SMALL, ...options }));

Deno.test({
  name: "report shows one run and draws its page anew",
  ignore,
  async fn() {
    await using runs = await Runs.of({ a: text() });
    const shown = await runs.report("a");
    assertStringIncludes(shown, `Report: ${join(runs.folder("a"), "report.html")}`);
    assertEquals(await runs.files("a"), ["report.html", "report.json"]);
    assert((await Deno.readTextFile(join(runs.folder("a"), "report.html"))).startsWith("<!doctype html>"));
  },
});

Deno.test({
  name: "report draws the pairs into a file that --picture names, of one run only, and says where it cannot",
  ignore,
  async fn() {
    await using runs = await Runs.of({ a: text(), b: text() });
    const picture = join(runs.folder("a"), "pairs.svg");
    assertStringIncludes(await runs.run([runs.folder("a"), "--picture", picture]), `Picture: ${picture}`);
    assert((await Deno.readTextFile(picture)).startsWith("<svg "));
    const refused = async (...args: string[]) => (await assertRejects(() => runs.run(args), HerdError)).code;
    assertEquals(await refused(runs.folder("a"), runs.folder("b"), "--picture", picture), "usage");
    assertEquals(await refused(runs.folder("a"), "--picture", join(runs.folder("none"), "x.svg")), "data");
  },
});

Deno.test({
  name: "report compares several runs and writes nothing",
  ignore,
  async fn() {
    await using runs = await Runs.of({ a: text(), b: text(), "c\x1b[2J": text({ seeds: 1 }) });
    const shown = await runs.report("a", "b", "c\x1b[2J");
    assertStringIncludes(shown, `${runs.folder("a")} and ${runs.folder("b")} are repetitions: all 4 trainings`);
    assert(!shown.includes("\x1b"));
    for (const name of ["a", "b"]) assertEquals(await runs.files(name), ["report.json"]);
  },
});

Deno.test({
  name: "report refuses runs that are not comparable, and a report that it cannot read",
  ignore,
  async fn() {
    const { dataset } = exampleReport(SMALL);
    const other = text({ changes: { dataset: { ...dataset, sha256: "f".repeat(64) } } });
    await using runs = await Runs.of({ a: text(), other, newer: '{"formatVersion":3}' });
    const refused = async (...names: string[]) => (await assertRejects(() => runs.report(...names), HerdError)).code;
    assertEquals(await refused("a", "other"), "usage");
    assertEquals(await refused("newer"), "data");
    assertEquals(await refused("a", "newer"), "data");
    assertEquals(await refused("a", "missing"), "data");
    assertEquals(await runs.files("newer"), ["report.json"]);
  },
});
