// The plan that an engine runs: with the tiles that were tuned for its network and adapter, where a file has them and they fit.
import type { EngineOptions } from "../engine.ts";
import type { GpuDevice } from "./device.ts";
import { type Plan, planFor } from "./plan.ts";
import type { Preset } from "./presets.ts";
import { checkTiles } from "./tile_check.ts";
import { readTiles } from "./tiles_file.ts";
import { tilesKey, tunedPreset } from "./tuned.ts";

/**
 * A network's plan.
 * @param version of the kernels
 * @throws {HerdError} usage, if the network does not fit
 */
export async function planOf(
  { spec, microBatch, tilesFile, onProgress: say = () => {} }: EngineOptions,
  preset: Preset,
  { device, version }: { readonly device: GpuDevice; readonly version: number },
): Promise<{ readonly plan: Plan; readonly isTuned: boolean }> {
  const plan = planFor(spec, preset, microBatch, device.limits);
  const asItIs = { plan, isTuned: false };
  if (tilesFile === undefined) return asItIs;
  const { adapter } = device;
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
  const { tuned, refused } = checkTiles(found, plan, device.gpu.limits);
  for (const sentence of refused) say(`${adapter}: left a tile of ${tilesFile} aside: ${sentence}`);
  const count = Object.values(tuned).flatMap((tiles) => Object.keys(tiles)).length;
  if (count === 0) return asItIs;
  const withTiles = planFor(spec, tunedPreset(preset, tuned), microBatch, device.limits);
  if (withTiles.images !== plan.images) {
    say(
      `${adapter}: left the tiles of ${tilesFile} aside: with them a pass takes other images, in another order of sums`,
    );
    return asItIs;
  }
  say(`${adapter}: ${count} tuned tiles`);
  return { plan: withTiles, isTuned: true };
}
