// Which GPUs can each be given to a worker of its own. It is tried, with the environment that the workers will get: to believe
// it would let several workers share the first GPU unnoticed.
import { bestGpus, parseDevices, primeTag, type VulkanDevice, wasSelected } from "./vulkan_list.ts";

/** The GPUs of a machine, as far as they are known. */
export interface FoundGpus {
  /** How many there are that WebGPU could use: 1 where that cannot be known. */
  readonly count: number;
  /** Values of DRI_PRIME, each of which gives a process a GPU of its own; empty where they cannot be told apart. */
  readonly tags: readonly string[];
}

/** Looks for a WebGPU adapter in a process with these variables. @returns what Vulkan's layers say on stderr */
export type Ask = (variables: Readonly<Record<string, string>>) => Promise<string>;

/** Drivers of many GPUs take seconds to start; one that hangs is ended, and has said nothing. */
const ASK_MS = 60_000;

/**
 * Finds the GPUs.
 * @param chosen DRI_PRIME of this process: whoever sets it has chosen one
 */
export async function findGpus(chosen = Deno.env.get("DRI_PRIME"), ask: Ask = askInProcess): Promise<FoundGpus> {
  if (chosen) return { count: 1, tags: [chosen] };
  const gpus = bestGpus(parseDevices(await ask({ MESA_VK_DEVICE_SELECT: "list" })));
  if (gpus.length < 2) return { count: 1, tags: [] };
  const tags = await Promise.all(gpus.map((gpu) => tagThatWorks(gpu, ask)));
  const working = tags.filter((tag) => tag !== undefined);
  return { count: gpus.length, tags: working.length > 1 ? working : [] };
}

async function tagThatWorks(gpu: VulkanDevice, ask: Ask): Promise<string | undefined> {
  const tag = primeTag(gpu);
  if (tag === undefined) return undefined;
  return wasSelected(await ask({ DRI_PRIME: tag, DRI_PRIME_DEBUG: "1" }), gpu) ? tag : undefined;
}

/** A process of its own, since the list ends whoever asks for it. NODEVICE_SELECT would switch the layer off. */
async function askInProcess(variables: Readonly<Record<string, string>>): Promise<string> {
  if (Deno.build.os !== "linux") return "";
  const { NODEVICE_SELECT: _, ...env } = Deno.env.toObject();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "-q", 'await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" })'],
    clearEnv: true,
    env: { ...env, ...variables },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    signal: AbortSignal.timeout(ASK_MS),
  });
  return new TextDecoder().decode((await child.output()).stderr);
}
