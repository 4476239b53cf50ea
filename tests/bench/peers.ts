// Herd beside Keras on TensorFlow and PyTorch DDP on the same machine, in interleaved runs. The peers' scripts are given by
// HERD_PEERS (a folder with keras_original.py and torch_ddp.py) and their Python by HERD_PEERS_PYTHON.
import { join } from "node:path";
import { availableEngines } from "../../worker/mod.ts";
import { stockTfjs } from "./stock.ts";
import { type Findings, median, trainReport } from "./support.ts";

const REPEATS = 3;
const IMAGES = 1027;
/** Tells glibc to keep freed memory, which is worth several times the speed to PyTorch. */
const KEEP_MEMORY = {
  MALLOC_MMAP_THRESHOLD_: "4294967296",
  MALLOC_TRIM_THRESHOLD_: "99999999999",
  MALLOC_TOP_PAD_: "268435456",
};

/** Epoch of the whole experiment for Keras and Herd (second epochs); a step without augmentation for PyTorch. */
export async function peers(): Promise<Findings> {
  const scripts = needed("HERD_PEERS");
  const data = needed("HERD_DATA_DIR");
  const results = new Map<string, number[]>();
  const add = (name: string, msPerImage: number) => results.set(name, [...results.get(name) ?? [], msPerImage]);
  const workers = navigator.hardwareConcurrency;
  const gpu = (await availableEngines()).some(({ name, works }) => name === "tfjs-webgpu" && works);
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const keras = await python([join(scripts, "keras_original.py"), data, "--epochs", "2", "--arm", "gc"], {});
    add("Keras / TensorFlow, whole epoch", 1000 * Number(keras.at(-1)!["seconds"]) / IMAGES);
    const { arms } = await trainReport([
      "--backend",
      "simd",
      "--workers",
      `${workers}`,
      "--arms",
      "gc",
      "--epochs",
      "2",
    ]);
    add(`Herd, ${workers} simd workers, whole epoch`, 1000 * arms[0]!.epochs[1]!.seconds! / IMAGES);
    const torch = [join(scripts, "torch_ddp.py"), "--processes", `${workers}`];
    add("PyTorch DDP, step only", Number((await python(torch, {})).at(-1)!["msPerImage"]));
    if (gpu) add("Stock TensorFlow.js on WebGPU, step only", await stockTfjs());
    add("PyTorch DDP, step only, memory kept", Number((await python(torch, KEEP_MEMORY)).at(-1)!["msPerImage"]));
  }
  const medians = [...results].map(([name, values]) => ({ name, msPerImage: median(values), values }));
  const keras = medians[0]!.msPerImage;
  return {
    title: `Peers on ${workers} cores, Horses or Humans at 300 px, batch 128, median of ${REPEATS} interleaved runs`,
    columns: ["what", "ms/image", "least", "of Keras"],
    rows: medians.map(({ name, msPerImage, values }) => [
      name,
      msPerImage.toFixed(1),
      Math.min(...values).toFixed(1),
      (msPerImage / keras).toFixed(2),
    ]),
    data: medians,
  };
}

async function python(args: string[], env: Record<string, string>): Promise<Record<string, unknown>[]> {
  const command = new Deno.Command(Deno.env.get("HERD_PEERS_PYTHON") ?? "python3", { args, env, stderr: "null" });
  const { success, stdout } = await command.output();
  if (!success) throw new Error(`${args[0]} failed: is HERD_PEERS_PYTHON a Python that has its packages?`);
  const lines = new TextDecoder().decode(stdout).split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line) => JSON.parse(line));
}

function needed(name: string): string {
  const value = Deno.env.get(name);
  if (!value) throw new Error(`${name} must be set to compare with peers`);
  return value;
}
