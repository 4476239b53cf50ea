// Images a second by engine, each alone on this machine in one process, beside stock TensorFlow.js.
import { initialWeights } from "../../shared/initial_weights.ts";
import { builtInModel } from "../../shared/model.ts";
import type { EngineName } from "../../worker/engine.ts";
import { availableEngines, createEngine } from "../../worker/engines.ts";
import { leafSum, noiseLeaves } from "../fixtures/engines.ts";
import { type Findings, milliseconds } from "./support.ts";

const SPEC = builtInModel("keras-example", 300);
/** Leaf sizes and repeats that keep a slow engine within a few minutes. */
const EFFORT: Readonly<Record<EngineName, { leaf: number; repeats: number }>> = {
  simd: { leaf: 8, repeats: 9 },
  webgpu: { leaf: 4, repeats: 3 },
  cpu: { leaf: 1, repeats: 1 },
};

/** Training passes with augmentation and dropout at 300 px; the cpu engine only with `slow`. */
export async function engines(slow: boolean): Promise<Findings> {
  const found: { engine: string; adapter: string; msPerImage: number }[] = [];
  for (const { name, works, adapter = "" } of await availableEngines()) {
    if (!works || (name === "cpu" && !slow)) continue;
    const { leaf, repeats } = EFFORT[name];
    await using engine = await createEngine(name, { spec: SPEC, microBatch: leaf, augment: true });
    engine.setWeights(initialWeights(SPEC, 0));
    const [images] = noiseLeaves(SPEC.imageSize, [leaf]);
    found.push({
      engine: name,
      adapter,
      msPerImage: await milliseconds(repeats, () => leafSum(engine, images!)) / leaf,
    });
    if (name === "webgpu") found.push({ engine: "stock TF.js", adapter, msPerImage: await stockTfjs() });
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
    data: found,
  };
}

/** Stock TF.js in a process of its own, since Herd's engine replaces some of its kernels; milliseconds an image. */
export async function stockTfjs(): Promise<number> {
  const script = new URL("./stock_tfjs.ts", import.meta.url).href;
  const args = ["run", "-A", "-q", "--no-prompt", script, `${EFFORT.webgpu.leaf}`, `${EFFORT.webgpu.repeats}`];
  const { success, stdout } = await new Deno.Command(Deno.execPath(), { args, stderr: "inherit" }).output();
  if (!success) throw new Error("Stock TF.js failed");
  return Number(new TextDecoder().decode(stdout));
}
