// What Mesa's software adapter, llvmpipe, is told about the processor.
import { join } from "node:path";

/** What a processor must have, as /proc/cpuinfo says it, for 16 numbers at a time. */
const WIDE = ["avx512f", "avx512bw", "avx512dq", "avx512vl"] as const;
const WIDTH = "LP_NATIVE_VECTOR_WIDTH";

/**
 * The environment in which llvmpipe computes as wide as the processor can: by itself it takes 8 numbers at a time where there is room
 * for 16. Its cache of compiled kernels does not tell widths apart, so that these have one of their own. Empty where whoever runs
 * this has chosen a width.
 * @param cacheDir Herd's cache folder
 * @param cpuinfo what /proc/cpuinfo says; empty where there is none
 */
export function softwareAdapterEnvironment(
  cacheDir: string,
  cpuinfo = readCpuinfo(),
  isChosen = hasWidth(),
): Readonly<Record<string, string>> {
  const flags = new Set(/^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.trim().split(/\s+/));
  if (isChosen || !WIDE.every((flag) => flags.has(flag))) return {};
  return { [WIDTH]: "512", MESA_SHADER_CACHE_DIR: join(cacheDir, "kernels-512") };
}

/** Sets it in this process, before it asks for an adapter. */
export function setSoftwareAdapterEnvironment(cacheDir: string): void {
  for (const [name, value] of Object.entries(softwareAdapterEnvironment(cacheDir))) Deno.env.set(name, value);
}

function hasWidth(): boolean {
  try {
    return Deno.env.has(WIDTH);
  } catch {
    return false; // no permission
  }
}

function readCpuinfo(): string {
  try {
    return Deno.readTextFileSync("/proc/cpuinfo");
  } catch {
    return ""; // another system, or no permission
  }
}
