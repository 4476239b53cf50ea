// Models as Herd saves them, opened by others: TF.js in Deno and in a browser, and Keras by the script of the page on
// what a run leaves. HERD_PYTHON names a Python with keras, safetensors and pillow. 20 s.
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { encode } from "fast-png";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ModelFiles, modelFiles } from "../../../coordinator/storage/model_files.ts";
import type { ModelSpec } from "../../../shared/model.ts";
import { probabilitiesOf } from "../../../shared/predictions.ts";
import { createEngine } from "../../../worker/engines.ts";
import { startBrowser, whyNot, withoutBrowser } from "../../fixtures/browser.ts";
import { leafPredictions, noiseLeaves, smallModel } from "../../fixtures/engines.ts";
import { weightsWithBiases } from "../../fixtures/networks.ts";
import { granted } from "../../fixtures/permissions.ts";

const SIDE = 30;
const IMAGES = 5;
const TOLERANCE = 1e-5;
const PAGE = new URL("../../../coordinator/storage/README.md", import.meta.url);
const isAllowed = await granted("run", "read", "write", "net", "env", "sys");

/** A model, images for it, and Herd's probabilities as its last layer has them. */
interface Case {
  readonly spec: ModelSpec;
  readonly files: ModelFiles;
  readonly images: readonly Uint8Array[];
  readonly expected: readonly (readonly number[])[];
}

/** A model with a logit, and one with three. */
async function cases(): Promise<Readonly<Record<string, Case>>> {
  const made: Record<string, Case> = {};
  for (const classes of [1, 3]) {
    const spec = smallModel(SIDE, classes);
    const weights = weightsWithBiases(spec, 5);
    await using engine = await createEngine("simd", { spec, microBatch: IMAGES, augment: false });
    engine.setWeights(weights);
    const [leaf] = noiseLeaves(SIDE, [IMAGES], classes);
    const { logits } = await leafPredictions(engine, leaf!);
    const expected = Array.from({ length: IMAGES }, (_, i) => {
      const all = probabilitiesOf(logits.slice(i * classes, (i + 1) * classes));
      return classes === 1 ? all.slice(1) : all;
    });
    const images = leaf!.samples.map(({ pixels }) => pixels.slice());
    made[classes === 1 ? "sigmoid" : "softmax"] = { spec, files: modelFiles(spec, weights, {}), images, expected };
  }
  return made;
}

function assertClose(seen: readonly (readonly number[])[], { expected }: Case, what: string): void {
  assertEquals(seen.map(({ length }) => length), expected.map(({ length }) => length));
  for (const [i, row] of expected.entries()) {
    for (const [k, p] of row.entries()) {
      assert(Math.abs(seen[i]![k]! - p) <= TOLERANCE, `${what}: ${seen[i]![k]} instead of ${p}`);
    }
  }
  // They tell images apart: no constant passes.
  assert(new Set(expected.map(([p]) => p!.toFixed(4))).size > 1);
}

/** The images as one array of numbers from 0 to 1. */
function inputOf({ images }: Case): number[] {
  return images.flatMap((pixels) => Array.from(pixels, (value) => value / 255));
}

Deno.test("a saved model opens in TF.js in Deno, and has Herd's probabilities", async () => {
  await tf.setBackend("cpu");
  for (const [name, one] of Object.entries(await cases())) {
    const { modelTopology, weightsManifest: [group] } = JSON.parse(new TextDecoder().decode(one.files["model.json"]));
    const weightData = one.files["weights.bin"].buffer;
    const model = await tf.loadLayersModel(tf.io.fromMemory({ modelTopology, weightSpecs: group.weights, weightData }));
    const input = tf.tensor4d(inputOf(one), [IMAGES, SIDE, SIDE, 3]);
    const output = model.predict(input) as tf.Tensor2D;
    assertClose(await output.array(), one, name);
    tf.dispose([input, output]);
    model.dispose();
  }
});

Deno.test({
  name: `a saved model opens in a page of a browser, and has Herd's probabilities${whyNot}`,
  ignore: withoutBrowser,
  sanitizeOps: false, // the browser's pipes close when they like
  sanitizeResources: false,
  async fn() {
    const library = join(dirname(fileURLToPath(import.meta.resolve("@tensorflow/tfjs"))), "tf.min.js");
    const all = await cases();
    const served: Record<string, Uint8Array<ArrayBuffer> | string> = {
      "/": '<!doctype html><html lang="en"><title>a model</title><script src="tf.min.js"></script>',
      "/tf.min.js": await Deno.readTextFile(library),
      ...Object.fromEntries(
        Object.entries(all).flatMap(([name, { files }]) =>
          Object.entries(files).map(([file, bytes]) => [`/${name}/${file}`, bytes])
        ),
      ),
    };
    await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
      const { pathname } = new URL(request.url);
      const body = served[pathname];
      if (body === undefined) return new Response(null, { status: 404 });
      const type = pathname === "/" ? "text/html" : pathname.endsWith(".js") ? "text/javascript" : "application/json";
      return new Response(body, { headers: { "content-type": type } });
    });
    const browser = await startBrowser();
    try {
      const page = await browser.newPage();
      await page.goto(`http://127.0.0.1:${server.addr.port}/`);
      for (const [name, one] of Object.entries(all)) {
        const seen = await page.evaluate(`(async () => {
          await tf.setBackend("cpu");
          const model = await tf.loadLayersModel("/${name}/model.json");
          const input = tf.tensor4d(${JSON.stringify(inputOf(one))}, [${IMAGES}, ${SIDE}, ${SIDE}, 3]);
          return await model.predict(input).array();
        })()`);
        assertClose(seen as number[][], one, name);
      }
    } finally {
      await browser.close();
    }
  },
});

/** A Python that has what the script imports; undefined if there is none. */
async function python(): Promise<string | undefined> {
  const program = Deno.env.get("HERD_PYTHON") ?? "python3";
  const args = ["-c", "import keras, safetensors, PIL"];
  const env = { TF_CPP_MIN_LOG_LEVEL: "3" };
  const tried = new Deno.Command(program, { args, env, stdout: "null", stderr: "null" }).output();
  return (await tried.catch(() => undefined))?.success ? program : undefined;
}

const program = isAllowed ? await python() : undefined;

Deno.test({
  name: `Keras opens a saved model by the page's script, and has Herd's probabilities${
    program === undefined ? " (skipped: no Python with keras, safetensors and pillow: HERD_PYTHON names one)" : ""
  }`,
  ignore: program === undefined,
  async fn() {
    const [, script] = /```python\n(.*?)```/s.exec(await Deno.readTextFile(PAGE)) ?? [];
    const folder = await Deno.makeTempDir({ prefix: "herd-test-" });
    try {
      for (const [name, one] of Object.entries(await cases())) {
        for (const [file, bytes] of Object.entries(one.files)) await Deno.writeFile(join(folder, file), bytes);
        const paths = one.images.map((_, i) => join(folder, `${i}.png`));
        for (const [i, data] of one.images.entries()) {
          await Deno.writeFile(paths[i]!, encode({ width: SIDE, height: SIDE, data, channels: 3, depth: 8 }));
        }
        const args = ["-c", script!, folder, ...paths];
        const env = { TF_CPP_MIN_LOG_LEVEL: "3" };
        const { success, stdout, stderr } = await new Deno.Command(program!, { args, env }).output();
        assert(success, new TextDecoder().decode(stderr));
        assertClose(JSON.parse(new TextDecoder().decode(stdout)), one, name);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
