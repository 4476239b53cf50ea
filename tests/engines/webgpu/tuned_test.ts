// Tuned tiles in an engine: used where a file has them for this adapter and network, with the same bits. What becomes of files that
// do not fit is in tests/pure/worker/webgpu/tuned_test.ts.
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { initialWeights } from "../../../shared/initial_weights.ts";
import { VERSION, WebgpuEngine } from "../../../worker/webgpu/engine.ts";
import { presetOf } from "../../../worker/webgpu/presets.ts";
import { writeTiles } from "../../../worker/webgpu/tiles_file.ts";
import { tilesKey, type Tuned } from "../../../worker/webgpu/tuned.ts";
import { temporaryDirectory, WITHOUT_FILES } from "../../fixtures/data_files.ts";
import { HAS_GPU, HAS_WEBGPU, leafSum, noiseLeaves, relativeError, sameBits } from "../../fixtures/engines.ts";

const IMAGES = 2;
const SPEC = {
  imageSize: 22,
  channels: 3,
  layers: [{ kind: "conv", filters: 4 }, { kind: "conv", filters: 8, dropout: 0.5 }, {
    kind: "dense",
    units: 1,
    activation: "none",
  }],
  classes: 1,
} as const;
const PRESET = presetOf("software");

/** An engine with what it has said. */
async function engineWith(tilesFile: string): Promise<{ engine: WebgpuEngine; lines: string[] }> {
  const lines: string[] = [];
  const options = { spec: SPEC, microBatch: IMAGES, augment: true, tilesFile };
  const engine = await WebgpuEngine.create({ ...options, onProgress: (line) => void lines.push(line) }, PRESET);
  engine.setWeights(initialWeights(SPEC, 1));
  return { engine, lines };
}

Deno.test({
  name: "an engine uses tiles that were tuned for it, with the same bits",
  ignore: !HAS_WEBGPU || WITHOUT_FILES,
  async fn() {
    using folder = temporaryDirectory();
    const file = join(folder.path, "cache", "tiles.json");
    const [leaf] = noiseLeaves(SPEC.imageSize, [IMAGES]);
    const { engine: plain, lines: quiet } = await engineWith(file);
    await using _plain = plain;
    const expected = await leafSum(plain, leaf!);
    assertEquals(quiet.filter((line) => line.includes("tile")), [], "a file that is not there is none");

    const forward = { width: 1, height: 1, outputs: 4, threads: 16, form: "loop", weights: "storage" } as const;
    const inputGradient = { ...forward, width: 2, threads: 8 };
    const { filterTile } = plain.plan.convs[1]!;
    const tuned: Tuned = {
      conv1: { forward: { ...forward, threads: 512 * 1024 } },
      conv2: { forward, inputGradient, filterGradient: { ...filterTile, inputs: 1, threads: 32 } },
    };
    const key = tilesKey({
      adapter: plain.adapter,
      version: VERSION,
      deno: Deno.version.deno,
      preset: PRESET.name,
      images: IMAGES,
      spec: SPEC,
    });
    await writeTiles(file, key, tuned);
    {
      const { engine, lines } = await engineWith(file);
      await using _engine = engine;
      const [conv1, conv2] = engine.plan.convs;
      assertEquals([conv2!.forwardTile, conv2!.backwardTile], [forward, inputGradient]);
      assertEquals(conv2!.filterTile, { ...filterTile, inputs: 1, threads: 32 });
      assertEquals(conv1!.forwardTile, plain.plan.convs[0]!.forwardTile, "more threads than any adapter has");
      assert(lines.some((line) => line.includes("left a tile") && line.includes("conv1 forward")), lines.join("\n"));
      assert(lines.some((line) => line.endsWith(": 3 tuned tiles")), lines.join("\n"));
      assert(engine.kernels !== plain.kernels, "the fingerprint has the tiles");
      const { gradient, logits } = await leafSum(engine, leaf!);
      // A GPU's driver may fuse multiplications and additions as it likes, and then no bits are promised.
      const same = HAS_GPU
        ? (a: Float32Array, b: Float32Array) => relativeError(a, b) < 1e-5
        : (a: Float32Array, b: Float32Array) => sameBits(a, b);
      assert(same(expected.gradient, gradient) && same(expected.logits, logits));
    }
  },
});
