// Images a second by engine, each alone on this machine in one process, beside stock TensorFlow.js.
import { HerdError } from "../../shared/errors.ts";
import { initialWeights } from "../../shared/initial_weights.ts";
import { builtInModel } from "../../shared/model.ts";
import type { EngineName } from "../../worker/engine.ts";
import { availableEngines, createEngine } from "../../worker/engines.ts";
import { leafSum, noiseLeaves } from "../fixtures/engines.ts";
import { type Findings, milliseconds } from "./support.ts";

const SPEC = builtInModel("keras-example", 300);
/** Leaf sizes and repeats that keep a slow engine within a few minutes. */
const EFFORT: Readonly<Record<EngineName, { leaf: number; repeats: number }>> = {
  webgpu: { leaf: 8, repeats: 9 },
  simd: { leaf: 8, repeats: 9 },
  "tfjs-webgpu": { leaf: 4, repeats: 3 },
  "tfjs-cpu": { leaf: 1, repeats: 1 },
};

/** Training passes with augmentation and dropout at 300 px; tfjs-cpu only with `slow`. */
export async function engines(slow: boolean): Promise<Findings> {
  const found: { engine: string; adapter: string; msPerImage: number }[] = [];
  const notes: string[] = [];
  for (const { name, works, adapter = "" } of await availableEngines()) {
    if (!works || (name === "tfjs-cpu" && !slow)) continue;
    try {
      found.push({ engine: name, adapter, msPerImage: await trainingPass(name) });
    } catch (error) {
      if (!(error instanceof HerdError)) throw error;
      notes.push(`${name}: ${error.message}`);
    }
    if (name === "tfjs-webgpu") found.push({ engine: "stock TF.js", adapter, msPerImage: await stockTfjs() });
  }
  return {
    title: "Training passes of keras-example at 300 px, one process, median",
    columns: ["engine", "ms/image", "images/s", "adapter"],
    rows: found.map(({ engine, adapter, msPerImage }) => [
      engine,
      msPerImage.toFixed(1),
      (1000 / msPerImage).toFixed(2),
      adapter,
    ]),
    notes,
    data: found,
  };
}

/** Milliseconds an image. */
async function trainingPass(name: EngineName): Promise<number> {
  const { leaf, repeats } = EFFORT[name];
  await using engine = await createEngine(name, { spec: SPEC, microBatch: leaf, augment: true });
  engine.setWeights(initialWeights(SPEC, 0));
  const [images] = noiseLeaves(SPEC.imageSize, [leaf]);
  return await milliseconds(repeats, () => leafSum(engine, images!)) / leaf;
}

/**
 * Stock TF.js in a process of its own, since Herd's engine replaces its pooling; milliseconds an image. It is timed on Mesa's
 * software adapter too, which leaves out a part of its first layers' gradients.
 */
export async function stockTfjs(): Promise<number> {
  const script = new URL("./stock_tfjs.ts", import.meta.url).href;
  const args = [
    "run",
    "-A",
    "-q",
    "--no-prompt",
    script,
    `${EFFORT["tfjs-webgpu"].leaf}`,
    `${EFFORT["tfjs-webgpu"].repeats}`,
  ];
  const { success, stdout } = await new Deno.Command(Deno.execPath(), { args, stderr: "inherit" }).output();
  if (!success) throw new Error("Stock TF.js failed");
  return Number(new TextDecoder().decode(stdout));
}
