import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { linesOf } from "../../../shared/cli/lines.ts";
import { outcomeOf, waitForEnd, Workspace } from "../../fixtures/herd.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("run", "read", "write", "net", "env", "sys"); // starts processes

const MAIN = new URL("../../../main.ts", import.meta.url);
const COMPUTING = ["--backend", "simd", "--workers", "2"];

/** The columns of predictions.csv by name. */
async function predictionsOf(folder: string): Promise<Record<string, string[]>> {
  const [head, ...rows] = (await Deno.readTextFile(join(folder, "predictions.csv"))).trimEnd().split("\n").map((line) =>
    line.split(",")
  );
  return Object.fromEntries(head!.map((name, i) => [name, rows.map((row) => row[i]!)]));
}

Deno.test({
  name: "a run's model is evaluated to the run's own figures, and says of other files what they are",
  ignore,
  async fn(test) {
    await using workspace = await Workspace.create();
    const folder = join(workspace.path, "out");
    const images = join(workspace.path, "images");
    const trained = await workspace.run(workspace.train("out", ...COMPUTING, "--seeds", "2"));
    assertEquals(trained.code, 0, trained.stderr);
    const report = await workspace.report("out");
    const model = ["--run", folder, "--arm", "gc", "--seed", "1"];

    await test.step("loss, accuracy, AUC and every probability are those of the report, bit by bit", async () => {
      const page = join(workspace.path, "wrong.html");
      const args = ["evaluate", ...model, "--data", images, "--page", page, "--json", ...COMPUTING];
      const { code, stdout, stderr } = await workspace.run(args);
      assertEquals(code, 0, stderr);
      const evaluation = JSON.parse(stdout);
      const last = report.arms.find(({ arm, seed }) => arm === "gc" && seed === 1)!.epochs.at(-1)!;
      const { loss, accuracy, auc } = evaluation;
      assertEquals([loss, accuracy, auc], [last.testLoss, last.testAccuracy, last.testAuc]);
      const { "gc-1": logits, class: labels } = await predictionsOf(folder);
      const { classes } = evaluation;
      for (const [i, { probabilities, class: own, file }] of evaluation.answers.entries()) {
        assertEquals(probabilities[1], 1 / (1 + Math.exp(-Number(logits![i]))));
        assertEquals(own, classes[Number(labels![i])]);
        assertStringIncludes(file, join(images, "validation", own));
      }
      const html = await Deno.readTextFile(page);
      const wrong = evaluation.answers.filter(({ class: own, predicted }: Record<string, string>) => own !== predicted);
      assertEquals(html.match(/<img src="data:image\/jpeg;base64,/g)?.length ?? 0, wrong.length);
    });

    await test.step("of several trainings the best one is taken; the folder's path to the images is not", async () => {
      const { code, stdout, stderr } = await workspace.run([
        "evaluate",
        "--run",
        folder,
        "--data",
        images,
        ...COMPUTING,
      ]);
      assertEquals(code, 0, stderr);
      const best = Math.max(...report.arms.map(({ epochs }) => epochs.at(-1)!.testAuc!));
      assertStringIncludes(stdout, `best test AUC of 4 trainings, ${best.toFixed(4)}`);
      const without = await workspace.run(["evaluate", "--run", folder, ...COMPUTING]);
      assertEquals([without.code, without.stdout], [2, ""]);
      assertStringIncludes(without.stderr, `give --data ${images} again`);
    });

    await test.step("files are answered in their order; those that cannot be used are named, at the end with exit 3", async () => {
      const broken = join(workspace.path, "broken.png");
      await Deno.writeFile(broken, (await Deno.readFile(join(images, "train", "dark", "0.png"))).slice(0, 200));
      const tests = join(images, "validation");
      const args = ["predict", ...model, tests, broken, join(workspace.path, "missing.png"), "--json", ...COMPUTING];
      const { code, stdout, stderr } = await workspace.run(args);
      assertEquals(code, 3, stderr);
      for (const part of ["broken.png", "missing.png", "2 of 12 files could not be used"]) {
        assertStringIncludes(stderr, part);
      }
      const answers = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
      const { "gc-1": logits, class: labels, test_image: ids } = await predictionsOf(folder);
      assertEquals(answers.length, 10);
      // The folder's order is that of the ids.
      for (const [row, id] of ids!.entries()) {
        const { file, probabilities } = answers[Number(id)];
        assertStringIncludes(file, join(tests, ["bright", "dark"][Number(labels![row])]!));
        assertAlmostEquals(probabilities.dark, 1 / (1 + Math.exp(-Number(logits![row]))), 1e-7);
      }
    });

    await test.step("names on stdin are answered as they come; Ctrl-C ends it with 130 and leaves no worker", async () => {
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "-q", "--no-prompt", MAIN.href, "predict", "-", ...model, ...COMPUTING],
        env: { HERD_CACHE_DIR: join(workspace.path, "cache"), NODEVICE_SELECT: "1", NO_COLOR: "1" },
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const writer = child.stdin.getWriter();
      const name = join(images, "train", "bright", "0.png");
      await writer.write(new TextEncoder().encode(`${name}\n`.repeat(300)));
      let first = "";
      for await (const line of linesOf(child.stdout)) {
        first = line;
        break; // there are more names to come, it thinks
      }
      assertStringIncludes(first, `${name}  `);
      const workers = await childrenOf(child.pid);
      assertEquals(workers.length, 2);
      child.kill("SIGINT");
      const { code } = await child.status;
      await child.stderr.cancel();
      await writer.close().catch(() => {});
      assertEquals(code, 130);
      await waitForEnd(workers);
    });

    await test.step("classes that the model does not know, and a model that is not there, are refused", async () => {
      const other = join(workspace.path, "other");
      for (const name of ["cats", "dogs"]) {
        await Deno.mkdir(join(other, name), { recursive: true });
        for (let i = 0; i < 5; i++) {
          await Deno.copyFile(join(images, "train", "dark", `${i}.png`), join(other, name, `${i}.png`));
        }
      }
      const { code, stderr } = await outcomeOf(workspace.spawn(["evaluate", ...model, "--data", other, ...COMPUTING]));
      assertEquals(code, 3);
      assertStringIncludes(stderr, "has the classes cats, dogs, and the model knows bright, dark");
      await Deno.remove(join(folder, "models", "gc-1"), { recursive: true });
      const gone = await workspace.run(["predict", ...model, join(images, "train", "dark", "0.png"), ...COMPUTING]);
      assertEquals([gone.code, gone.stdout], [3, ""]);
      assertStringIncludes(gone.stderr, join("models", "gc-1", "weights.safetensors"));
    });
    assert(report.complete);
  },
});

async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await new Deno.Command("ps", { args: ["-o", "pid=", "--ppid", `${pid}`] }).output();
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line.trim() !== "").map(Number);
}
