// How many workers of an engine a machine has room for, and which GPU each of them gets.
import type { EngineName } from "../../shared/engine_names.ts";
import { HerdError } from "../../shared/errors.ts";
import { findGpus, type FoundGpus } from "./find.ts";

/** The workers of a machine. */
export interface LocalWorkers {
  /** How many. */
  readonly count: number;
  /** DRI_PRIME of each; empty where they are told nothing. */
  readonly gpus: readonly string[];
}

/** What they compute with. */
export interface LocalEngine {
  /** As --backend takes it. */
  readonly name: EngineName;
  /** Whether its device is a CPU in disguise. */
  readonly software?: boolean;
}

/** Whether an engine computes on an adapter of WebGPU. */
export function usesAdapter(name: EngineName): boolean {
  return name.endsWith("webgpu");
}

/**
 * The workers that --workers means: one a GPU, on a CPU one a core; a software adapter shares the cores among its threads itself.
 * @param wanted --workers; undefined for as many as there is room for
 * @throws {HerdError} usage, for more workers than GPUs that can be told apart
 */
export async function localWorkers(
  { name, software }: LocalEngine,
  wanted: number | undefined,
  find: () => Promise<FoundGpus> = findGpus,
): Promise<LocalWorkers> {
  if (!usesAdapter(name)) return { count: wanted ?? navigator.hardwareConcurrency, gpus: [] };
  if (software) return { count: wanted ?? 1, gpus: [] };
  const { count, tags } = await find();
  const most = Math.max(1, tags.length);
  if (wanted !== undefined && wanted > most) throw new HerdError("usage", tooMany(wanted, { count, most }));
  return { count: wanted ?? most, gpus: tags.slice(0, wanted) };
}

function tooMany(wanted: number, { count, most }: { readonly count: number; readonly most: number }): string {
  const apart = count > most ? `${most} of ${count} GPUs` : `${most} GPU${most === 1 ? "" : "s"}`;
  const layer = most > 1 ? "" : ", or have Mesa's device selection tell them apart (mesa-vulkan-drivers 25 does)";
  return `--workers ${wanted}: a worker takes a GPU, and Herd can give out ${apart} here. Use --workers ${most}${layer}, or ` +
    "start `deno task worker` once for each GPU, in a container, Slurm task or Kubernetes pod with that GPU alone " +
    '(coordinator/launch/README.md, "Several GPUs")';
}
