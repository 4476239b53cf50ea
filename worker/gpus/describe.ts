// The GPUs of a machine in words.
import type { FoundGpus } from "./find.ts";
import type { PciGpu } from "./pci.ts";

/** What is on the bus, and what comes of it: WebGPU itself tells of one adapter only. @param found undefined for none */
export function describeGpus(bus: readonly PciGpu[], found: FoundGpus | undefined): string {
  const onBus = describeBus(bus);
  if (found === undefined) return `${onBus}; WebGPU has none`;
  const { count, tags } = found;
  if (tags.length > 1) return `${onBus}; ${tags.length} workers can have one each`;
  return `${onBus}; WebGPU gives the first${count > 1 ? ` of ${count}, which cannot be told apart` : ""}`;
}

function describeBus(bus: readonly PciGpu[]): string {
  if (bus.length === 0) return "none on the PCI bus";
  const list = bus.map(({ address, driver }) => `${address} ${driver ?? "without a driver"}`);
  return `${bus.length} on the PCI bus (${list.join(", ")})`;
}
