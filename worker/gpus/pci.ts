// Which GPUs Linux sees on the PCI bus, whether or not Vulkan has a driver for them.
import { join } from "node:path";

/** A display controller. */
export interface PciGpu {
  /** "0000:41:00.0" */
  readonly address: string;
  /** Its kernel driver, "nvidia"; undefined without one. */
  readonly driver: string | undefined;
}

/** The bus as Linux shows it. */
const DEVICES = "/sys/bus/pci/devices";

/**
 * The display controllers, in the order of their addresses; none where there is no such folder, and a container may be shown
 * those that it cannot use. The screen of a server's management (ast, mgag200) is among them.
 */
export async function pciGpus(devices: string = DEVICES): Promise<PciGpu[]> {
  const gpus: PciGpu[] = [];
  for (const address of await namesIn(devices)) {
    const kind = await Deno.readTextFile(join(devices, address, "class")).catch(() => "");
    // 0x03: VGA, 3D and other display controllers.
    if (!/^0x03[0-9a-f]{4}\s*$/.test(kind)) continue;
    const link = await Deno.readLink(join(devices, address, "driver")).catch(() => undefined);
    gpus.push({ address, driver: link?.split("/").at(-1) });
  }
  return gpus;
}

async function namesIn(folder: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder)).catch(() => []);
  return entries.map(({ name }) => name).sort();
}
