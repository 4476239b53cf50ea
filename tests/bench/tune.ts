// `deno task bench --tune`: finds the fastest tiles of a network on this machine's adapter, pass by pass, among those that give the
// same bits; writes them where engines look for them, and shows what a whole step has gained.
import { cacheDirectory, tilesFileIn } from "../../data/mod.ts";
import { HerdError } from "../../shared/errors.ts";
import { initialWeights } from "../../shared/initial_weights.ts";
import { builtInModel, leastImageSize, MODEL_NAMES, type ModelName, type ModelSpec } from "../../shared/model.ts";
import { VERSION, WebgpuEngine } from "../../worker/webgpu/engine.ts";
import { type Preset, presetOf } from "../../worker/webgpu/presets.ts";
import { writeTiles } from "../../worker/webgpu/tiles_file.ts";
import {
  type LayerTiles,
  tilesKey,
  type Tuned,
  TUNED_PASSES,
  type TunedPass,
  tunedPreset,
} from "../../worker/webgpu/tuned.ts";
import { type Findings, median } from "./support.ts";
import { asLayerTiles, CANDIDATES, describeTile, type PassTile } from "./tile_candidates.ts";
import { TileTrials, type Trial } from "./tile_trial.ts";
import { computeStep, LEAF, stepLeaves } from "./webgpu_step.ts";

const REPEATS = 5;
const DUEL_REPEATS = 9;
/** Less is not told from noise. */
const LEAST_GAIN = 0.03;
/** Leaves of the steps by which the gain is shown. */
const STEP_LEAVES = 4;

/** What the user asks for. */
export interface TuneFlags {
  readonly model?: string | undefined;
  readonly imageSize?: number | undefined;
}

/** What was found of a pass. */
interface PassFinding {
  readonly layer: string;
  readonly pass: TunedPass;
  readonly before: string;
  readonly after: string;
  readonly msBefore: number;
  readonly msAfter: number;
  readonly tried: number;
  /** Faster or not, they compute other bits here. */
  readonly otherBits: number;
}

/**
 * Tunes, and says line by line how it goes.
 * @throws {HerdError} usage, for a model that is not known; cluster, if there is no adapter
 */
export async function tune(
  flags: TuneFlags,
  say: (line: string) => void,
  candidates: typeof CANDIDATES = CANDIDATES,
): Promise<Findings> {
  const spec = specOf(flags);
  await using engine = await WebgpuEngine.create({ spec, microBatch: LEAF, leaves: STEP_LEAVES, augment: true });
  const { device, plan } = engine;
  const preset = presetOf(device.isSoftware ? "software" : "discrete");
  const flat = initialWeights(spec, 0);
  await computeStep(engine, flat, stepLeaves(spec, STEP_LEAVES, plan.images));
  const trials = new TileTrials(engine, spec, preset, flat);
  await trials.prepare();
  const tuned: Record<string, LayerTiles> = {};
  const findings: PassFinding[] = [];
  for (const { layer, own } of passesOf(plan)) {
    const { finding, best } = await tunePass(trials, candidates, { layer, own, preset, images: plan.images });
    findings.push(finding);
    if (best) tuned[layer] = { ...tuned[layer], ...asLayerTiles(best) };
    const { msBefore, msAfter, after, tried } = finding;
    say(`${layer} ${own.pass}: ${msBefore.toFixed(3)} → ${msAfter.toFixed(3)} ms/image, ${tried} tiles; ${after}`);
  }
  const [before, after] = await wholeSteps(engine, { spec, preset, tuned, flat });
  const file = tilesFileIn(cacheDirectory(Deno.env.toObject()));
  const isFaster = after < before && Object.keys(tuned).length > 0;
  if (isFaster) {
    const { adapter } = device;
    const deno = Deno.version.deno;
    await writeTiles(
      file,
      tilesKey({ adapter, version: VERSION, deno, preset: preset.name, images: plan.images, spec }),
      tuned,
    );
  }
  const gain = `a whole step: ${before.toFixed(2)} ms/image before, ${after.toFixed(2)} after (${
    (before / after).toFixed(3)
  } ×)`;
  return {
    title: `Tiles for ${device.adapter}, preset ${preset.name}, ${spec.imageSize} px, ${plan.images} images a pass`,
    columns: ["layer and pass", "before", "ms/image", "after", "ms/image", "tried", "other bits"],
    rows: findings.map(({ layer, pass, before, after, msBefore, msAfter, tried, otherBits }) => [
      `${layer} ${pass}`,
      before,
      msBefore.toFixed(3),
      after === before ? "the same" : after,
      msAfter.toFixed(3),
      `${tried}`,
      `${otherBits}`,
    ]),
    notes: [gain, isFaster ? `written to ${file}` : "nothing is written: the preset's own tiles are as fast"],
    data: {
      adapter: device.adapter,
      preset: preset.name,
      passes: findings,
      tuned,
      msPerImageBefore: before,
      msPerImageAfter: after,
      file: isFaster ? file : null,
    },
  };
}

/** @throws {HerdError} usage */
function specOf({ model = "keras-example", imageSize }: TuneFlags): ModelSpec {
  if (!(MODEL_NAMES as readonly string[]).includes(model)) {
    throw new HerdError("usage", `--model cannot be "${model}" with --tune: use ${MODEL_NAMES.join(" or ")}`);
  }
  if (imageSize !== undefined && !Number.isInteger(imageSize)) {
    throw new HerdError(
      "usage",
      `--image-size must be a whole number of at least ${leastImageSize(3)}: got ${imageSize}`,
    );
  }
  return builtInModel(model as ModelName, imageSize ?? 300);
}

/** All passes of a plan with their tiles. */
function passesOf({ convs, denses }: WebgpuEngine["plan"]): { readonly layer: string; readonly own: PassTile }[] {
  const found = convs.flatMap(({ block: { name }, forwardTile, backwardTile, filterTile }) => {
    const tiles = { forward: forwardTile, inputGradient: backwardTile, filterGradient: filterTile, dense: undefined };
    return TUNED_PASSES.flatMap((pass) => {
      const tile = tiles[pass];
      return tile ? [{ layer: name, own: { pass, tile } }] : [];
    });
  });
  return [...found, ...denses.map(({ layer, tile }) => ({ layer: layer.name, own: { pass: "dense" as const, tile } }))];
}

/** Both rounds, and the winner against the preset's own tile. */
async function tunePass(
  trials: TileTrials,
  candidates: typeof CANDIDATES,
  { layer, own, preset, images }: {
    readonly layer: string;
    readonly own: PassTile;
    readonly preset: Preset;
    readonly images: number;
  },
): Promise<{ readonly finding: PassFinding; readonly best: PassTile | undefined }> {
  const { pass } = own;
  const reference = await trials.start(layer, own);
  if (typeof reference === "string") throw new HerdError("cluster", reference);
  const nameOf = (tile: PassTile["tile"]) => JSON.stringify(Object.entries(tile).toSorted());
  const tried = new Set([nameOf(own.tile)]);
  let [best, bestMs] = [reference, await trials.measure(reference, { repeats: REPEATS, best: Infinity })];
  let otherBits = 0;
  const tryAll = async (tiles: readonly PassTile["tile"][]) => {
    for (const tile of tiles) {
      const name = nameOf(tile);
      if (tried.has(name) || !trials.fits(layer, { pass, tile })) continue;
      tried.add(name);
      const trial = await trials.start(layer, { pass, tile });
      if (typeof trial === "string") continue;
      if (trial.bits !== reference.bits) {
        otherBits++;
        continue;
      }
      const ms = await trials.measure(trial, { repeats: REPEATS, best: bestMs });
      if (ms < bestMs) [best, bestMs] = [trial, ms];
    }
  };
  await tryAll(candidates.shapes(own, preset.name));
  await tryAll(candidates.threads({ pass, tile: best.tile }));
  const [msBefore, ms] = await trials.duel(reference, best, DUEL_REPEATS);
  const wins = best !== reference && ms < (1 - LEAST_GAIN) * msBefore;
  const winner: Trial = wins ? best : reference;
  const finding = {
    layer,
    pass,
    before: describeTile(own.tile),
    after: describeTile(winner.tile),
    msBefore: msBefore / images,
    msAfter: (wins ? ms : msBefore) / images,
    tried: tried.size,
    otherBits,
  };
  return { finding, best: wins ? { pass, tile: best.tile } : undefined };
}

/** Milliseconds an image of whole steps without and with the tiles, by turns. */
async function wholeSteps(
  engine: WebgpuEngine,
  { spec, preset, tuned, flat }: {
    readonly spec: ModelSpec;
    readonly preset: Preset;
    readonly tuned: Tuned;
    readonly flat: Float32Array;
  },
): Promise<readonly [number, number]> {
  const options = { spec, microBatch: LEAF, leaves: STEP_LEAVES, augment: true };
  await using other = await WebgpuEngine.create(options, tunedPreset(preset, tuned));
  const leaves = stepLeaves(spec, STEP_LEAVES, LEAF);
  const times: [number[], number[]] = [[], []];
  for (let round = -1; round < DUEL_REPEATS; round++) {
    for (const [i, one] of [engine, other].entries()) {
      const start = performance.now();
      await computeStep(one, flat, leaves);
      if (round >= 0) times[i]!.push((performance.now() - start) / (STEP_LEAVES * LEAF));
    }
  }
  return [median(times[0]), median(times[1])];
}
