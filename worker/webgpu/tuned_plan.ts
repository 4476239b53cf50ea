// The plan that an engine runs: with the tiles that were tuned for its network and adapter, where a file has them and they fit.
import type { EngineOptions } from "../engine.ts";
import { type Limits, planFor, problemOf } from "./fit.ts";
import { Plan } from "./plan.ts";
import type { Preset } from "./presets.ts";
import { checkTiles, type TileLimits } from "./tile_check.ts";
import { readTiles } from "./tiles_file.ts";
import { tilesKey, tunedPreset } from "./tuned.ts";

/** For what a plan is made. */
export interface PlanTarget {
  /** In words. */
  readonly adapter: string;
  readonly limits: Limits & TileLimits;
  /** Of the kernels. */
  readonly version: number;
}

/**
 * A network's plan.
 * @throws {HerdError} usage, if the network does not fit
 */
export async function planOf(
  { spec, microBatch, tilesFile, onProgress: say = () => {} }: EngineOptions,
  preset: Preset,
  { adapter, limits, version }: PlanTarget,
): Promise<{ readonly plan: Plan; readonly isTuned: boolean }> {
  const plan = planFor(spec, preset, microBatch, limits);
  const asItIs = { plan, isTuned: false };
  if (tilesFile === undefined) return asItIs;
  const key = tilesKey({
    adapter,
    version,
    deno: Deno.version.deno,
    preset: preset.name,
    images: plan.images,
    spec,
  });
  const { found, problem } = await readTiles(tilesFile, key);
  if (problem !== undefined) say(`${adapter}: no tuned tiles: ${problem}`);
  if (found === undefined) return asItIs;
  const { tuned, refused } = checkTiles(found, plan, limits);
  for (const sentence of refused) say(`${adapter}: left a tile of ${tilesFile} aside: ${sentence}`);
  const count = Object.values(tuned).flatMap((tiles) => Object.keys(tiles)).length;
  if (count === 0) return asItIs;
  // As many images a pass as without them: that too is part of the order of sums.
  const withTiles = new Plan(spec, tunedPreset(preset, tuned), plan.images);
  const misfit = problemOf(withTiles, limits);
  if (misfit !== undefined) {
    say(`${adapter}: left the tiles of ${tilesFile} aside: ${misfit}`);
    return asItIs;
  }
  say(`${adapter}: ${count} tuned tiles`);
  return { plan: withTiles, isTuned: true };
}
