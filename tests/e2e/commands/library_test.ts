import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decode } from "fast-png";
import { HerdError, type MadeImage, type RunEvent, train, type TrainOptions } from "../../../main.ts";
import { programIn, runProgram } from "../../fixtures/examples.ts";
import { Workspace } from "../../fixtures/herd.ts";
import { granted } from "../../fixtures/permissions.ts";

const ROOT = new URL("../../../", import.meta.url);
const herd = fileURLToPath(ROOT).replace(/[\\/]$/, "");
const ignore = !await granted("run", "read", "write", "net", "env"); // real processes

Deno.test({
  name: "library: README's program trains on a folder and prints what its events and its report say, and nothing else",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    await Deno.rename(join(workspace.path, "images"), join(workspace.path, "photos"));
    const program = await programIn(new URL("README.md", ROOT), "## As a library");
    const { code, stdout, stderr } = await runProgram(program, { folder: workspace.path, herd });
    assertEquals([code, stderr], [0, ""]);
    const lines = stdout.trimEnd().split("\n");
    assertEquals(lines.length, 2 * 2 * 2 + 2 + 1, stdout);
    for (const line of lines.slice(0, 8)) {
      assertMatch(line, /^(no-gc|gc), seed [01], epoch [12]: test accuracy [\d.]+$/);
    }
    for (const line of lines.slice(8, 10)) assertMatch(line, /^seed [01]: test AUC [\d.]+ and [\d.]+$/);
    assertMatch(lines[10]!, /^too few pairs: /);
  },
});

Deno.test({
  name: "library: the page's program trains on images that it makes",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const program = await programIn(new URL("coordinator/commands/README.md", ROOT));
    const { code, stdout, stderr } = await runProgram(program, { folder: workspace.path, herd });
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /^no-gc: test AUC [\d.]+\ngc: test AUC [\d.]+\n$/);
  },
});

/** A small run, as {@linkcode Workspace.train} has it. */
const SMALL: TrainOptions = {
  imageSize: 24,
  model: "tiny",
  limit: 19,
  batchSize: 16,
  microBatch: 4,
  epochs: 1,
  backend: "simd",
};

/** The images of a workspace, as a program has them. */
async function* imagesOf(workspace: Workspace, split: string): AsyncGenerator<MadeImage> {
  for (const [label, name] of ["bright", "dark"].entries()) {
    const folder = join(workspace.path, "images", split, name);
    for (const { name: file } of [...Deno.readDirSync(folder)].toSorted((a, b) => a.name < b.name ? -1 : 1)) {
      yield { label, pixels: Uint8Array.from(decode(await Deno.readFile(join(folder, file))).data) };
    }
  }
}

Deno.test({
  name: "library: images made by a program lead to the same bits as their files do on the command line",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const { code, stderr } = await workspace.run(workspace.train("files", "--backend", "simd", "--workers", "1"));
    assertEquals(code, 0, stderr);
    const files = await workspace.report("files");
    Deno.env.set("HERD_CACHE_DIR", join(workspace.path, "library"));
    try {
      const data = {
        name: "noise",
        classes: ["bright", "dark"],
        train: imagesOf(workspace, "train"),
        test: imagesOf(workspace, "validation"),
      };
      const told: RunEvent["type"][] = [];
      const onEvent = ({ type }: RunEvent) => void told.push(type);
      const made = await train({ ...SMALL, data, workers: 2, out: join(workspace.path, "made"), onEvent });
      assertEquals(made, await workspace.report("made"));
      const { dataset, arms } = made;
      assertEquals([dataset.name, dataset.sha256], ["noise", files.dataset.sha256]);
      const bits = arms.map(({ weightsSha256 }) => weightsSha256);
      assertEquals(bits, files.arms.map(({ weightsSha256 }) => weightsSha256));
      assertEquals([told.at(-1), told.filter((type) => type === "epoch").length], ["end", 2]);
      assertEquals(made.workers.length, 2);
    } finally {
      Deno.env.delete("HERD_CACHE_DIR");
    }
  },
});

Deno.test({
  name: "library: a signal and what onEvent throws end a run, which goes on later to the same bits",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    Deno.env.set("HERD_CACHE_DIR", join(workspace.path, "library"));
    try {
      const data = join(workspace.path, "images");
      const run = (out: string, more: TrainOptions) =>
        train({ ...SMALL, data, workers: 1, out: join(workspace.path, out), ...more });
      const whole = await run("whole", {});
      const stop = new AbortController();
      const onEpoch = (then: () => void) => ({ type }: RunEvent) => type === "epoch" ? then() : undefined;
      const reason = new Error("enough");
      const aborted = await assertRejects(
        () => run("aborted", { signal: stop.signal, onEvent: onEpoch(() => stop.abort(reason)) }),
        HerdError,
        "The run was ended at arm gc",
      );
      assertEquals(aborted.code, "interrupted");
      const resumed = await train({ resume: join(workspace.path, "aborted"), data, workers: 1 });
      assertEquals(
        resumed.arms.map(({ weightsSha256 }) => weightsSha256),
        whole.arms.map(({ weightsSha256 }) => weightsSha256),
      );
      const bug = new Error("a listener's bug");
      const onEvent = onEpoch(() => {
        throw bug;
      });
      assert(await run("thrown", { onEvent }).catch((error) => error) === bug);
    } finally {
      Deno.env.delete("HERD_CACHE_DIR");
    }
  },
});
