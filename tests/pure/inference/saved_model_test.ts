import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { readSavedModel } from "../../../coordinator/inference/saved_model.ts";
import { modelFiles } from "../../../coordinator/storage/model_files.ts";
import { weightsHash } from "../../../coordinator/experiment/mod.ts";
import { type ErrorCode, HerdError } from "../../../shared/errors.ts";
import { builtInModel, parameterCount } from "../../../shared/model.ts";
import { numericConfig } from "../../fixtures/numeric_config.ts";
import { granted } from "../../fixtures/permissions.ts";
import { exampleReport } from "../../fixtures/reports.ts";

const ignore = !await granted("read", "write"); // writes files

const SPEC = builtInModel("tiny", 22);
const NONE = { run: undefined, arm: undefined, seed: undefined } as const;
const weightsOf = (n: number) => Float32Array.from({ length: parameterCount(SPEC) }, (_, i) => Math.sin(i + n));
const CONFIG = {
  runId: "0011223344556677",
  told: { data: "procedural" },
  numeric: numericConfig(SPEC),
  declared: { seeds: 2, epochs: 3 },
  dataset: { name: "x", classes: ["10", "9"] },
};

/** A run of two arms, two seeds and two rates, each with a model; the last metric of each is set here. */
async function withRun(
  values: Readonly<Record<string, number | null>>,
  test: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "herd-test-" });
  try {
    const report = exampleReport({ seeds: 2, epochs: 3, arms: ["no-gc", "gc"], rates: [1e-4, 3e-4] });
    const arms: object[] = [];
    for (const [i, one] of report.arms.entries()) {
      // What is only a control is not in use, however good it is.
      const control = { ...one, role: "again", epochs: one.epochs.map((epoch) => ({ ...epoch, testAuc: 1 })) };
      if (i === 0) arms.push(control);
      const { arm, seed, learningRate, epochs } = one;
      const name = `${arm}-${seed}${learningRate === 1e-4 ? "" : `-${learningRate}`}`;
      const weights = weightsOf(i);
      const model = join(folder, "models", name);
      await Deno.mkdir(model, { recursive: true });
      await Deno.writeFile(join(model, "weights.safetensors"), modelFiles(SPEC, weights, {})["weights.safetensors"]);
      const testAuc = name in values ? values[name]! : 0.5;
      const last = { ...epochs.at(-1)!, testAuc };
      arms.push({ ...one, weightsSha256: await weightsHash(weights), epochs: [...epochs.slice(0, -1), last] });
    }
    await Deno.writeTextFile(join(folder, "report.json"), JSON.stringify({ ...report, arms }));
    await Deno.writeTextFile(join(folder, "config.json"), JSON.stringify(CONFIG));
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function refuse(action: () => Promise<unknown>, code: ErrorCode, ...parts: string[]): Promise<void> {
  const error = await assertRejects(action, HerdError);
  assertEquals(error.code, code, error.message);
  for (const part of parts) assertStringIncludes(error.message, part);
  assert(!error.message.includes("\n"), error.message);
}

Deno.test(
  "the best training of those that the choice leaves is read, with the names of its classes",
  { ignore },
  async () => {
    const values = { "no-gc-0": 0.9, "gc-1": 0.8, "gc-1-0.0003": 0.95, "gc-0": null };
    await withRun(values, async (run) => {
      const best = await readSavedModel({ ...NONE, run });
      assertEquals([best.name, best.because], ["gc-1-0.0003", "best test AUC of 8 trainings, 0.9500"]);
      assertEquals(best.weights.length, parameterCount(SPEC));
      assertEquals(best.classes, ["10", "9"]); // an object would turn them
      assertEquals((await readSavedModel({ ...NONE, run, arm: "no-gc" })).name, "no-gc-0");
      // Of equal ones the first.
      assertEquals((await readSavedModel({ run, arm: "no-gc", seed: 1 })).name, "no-gc-1");
      // Of one whose value is not known, and an equal one, the known one.
      assertEquals((await readSavedModel({ run, arm: "gc", seed: 0 })).name, "gc-0-0.0003");
      await refuse(
        () => readSavedModel({ ...NONE, run, seed: 7 }),
        "usage",
        "no training of --seed 7",
        "--arm gc --seed 1",
      );
    });
  },
);

Deno.test("a run without its model, its report, or what an older Herd did not keep is refused in a sentence", {
  ignore,
}, async () => {
  await withRun({ "gc-1": 0.9 }, async (run) => {
    const read = () => readSavedModel({ ...NONE, run });
    const [model, config, report] = ["models/gc-1/weights.safetensors", "config.json", "report.json"].map((name) =>
      join(run, name)
    );
    await Deno.writeFile(model!, modelFiles(SPEC, weightsOf(77), {})["weights.safetensors"]);
    await refuse(read, "data", model!, "does not have the weights that report.json is about");
    await Deno.remove(model!);
    await refuse(read, "data", model!, "cannot be read");
    await Deno.remove(report!);
    await refuse(read, "data", report!);
    const { dataset: _, ...older } = CONFIG;
    await Deno.writeTextFile(config!, JSON.stringify(older));
    await refuse(read, "data", config!, "does not say what computing with a model needs (dataset)", "train again");
    await Deno.writeTextFile(config!, "{");
    await refuse(read, "data", config!, "is damaged");
    await Deno.remove(config!);
    await refuse(read, "data", `${run} holds no run that can be read`);
    await Deno.symlink("/etc/hostname", config!);
    await refuse(read, "data", `${config} is neither a file nor a folder`);
  });
});
