// What Mesa's device-select layer says on stderr of the GPUs that Vulkan has, and of the one that it puts first. WebGPU lists
// no adapters; this layer, which comes with mesa-vulkan-drivers, sees those of every maker.

/** A device of Vulkan. */
export interface VulkanDevice {
  /** Its place in Vulkan's list. */
  readonly index: number;
  /** "10de:2330", maker and model in hexadecimal. */
  readonly model: string;
  readonly name: string;
  /** "discrete GPU", "integrated GPU", "virtual GPU", "CPU" or "other". */
  readonly type: string;
  /** "0000:41:00.0"; undefined where the driver does not tell. */
  readonly pci: string | undefined;
}

const LINE = /^ {2}GPU (\d+): ([0-9a-f]+:[0-9a-f]+) "(.*)" (.+?)(?: ([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]))?$/;

/** The devices that a text lists, each once: the layer may list them several times. */
export function parseDevices(text: string): VulkanDevice[] {
  const devices = new Map<number, VulkanDevice>();
  for (const line of text.split("\n")) {
    const [, index, model, name, type, pci] = LINE.exec(line) ?? [];
    if (index !== undefined) {
      devices.set(Number(index), { index: Number(index), model: model!, name: name!, type: type!, pci });
    }
  }
  return [...devices.values()];
}

/**
 * Those that Deno can be brought to use: it takes the first of the best kind, whatever comes before. A GPU that has several
 * drivers is listed for each, and by its address the layer takes the last.
 * @param devices as Vulkan lists them
 */
export function bestGpus(devices: readonly VulkanDevice[]): VulkanDevice[] {
  const all = devices.filter(({ type }) => type !== "CPU");
  const gpus = [...new Map(all.map((gpu) => [gpu.pci ?? gpu.index, gpu])).values()];
  const best = ["discrete GPU", "integrated GPU"].find((type) => gpus.some((gpu) => gpu.type === type));
  return best === undefined ? gpus : gpus.filter(({ type }) => type === best);
}

/** What DRI_PRIME calls a GPU: "pci-0000_41_00_0"; undefined for one whose address is not known. */
export function primeTag({ pci }: VulkanDevice): string | undefined {
  return pci === undefined ? undefined : `pci-${pci.replaceAll(/[:.]/g, "_")}`;
}

/**
 * Whether the layer put this device first because of its tag, as it says with DRI_PRIME_DEBUG=1, and no other.
 * Mesa 22 knows the tag but takes it wrongly, and does not say so: no word is no.
 */
export function wasSelected(text: string, { index }: VulkanDevice): boolean {
  const selected = [...text.matchAll(/^device-select: (\w+) selected (-?\d+)$/gm)];
  return selected.length > 0 &&
    selected.every(([, by, which]) => by === "device_select_find_dri_prime_tag_default" && Number(which) === index);
}
