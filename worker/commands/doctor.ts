// `deno task doctor`: which engines work on this machine, what would make the others work, and which GPUs there are.
import { dataEnvironment } from "../../data/mod.ts";
import { type Command, command, commonFlags } from "../../shared/cli/command.ts";
import { ENGINE_NAMES } from "../../shared/engine_names.ts";
import { chooseEngine } from "../engines.ts";
import { findGpus, type FoundGpus } from "../gpus/find.ts";
import { type PciGpu, pciGpus } from "../gpus/pci.ts";
import { type TriedEngine, tryEngines } from "../trial.ts";
import { findAdapter, isSoftware } from "../webgpu/adapter.ts";
import { describeLimits } from "../webgpu/limits.ts";

const WIDTH = Math.max(...ENGINE_NAMES.map(({ length }) => length));

/** The command that tries the engines. */
export function doctorCommand(): Command {
  return command({
    summary: "What works on this machine",
    usage: "",
    examples: [["doctor", "tries every engine, and says what is wrong here and what mends it"]],
    flags: commonFlags,
    async run(_given, { print, version, environment }) {
      const { os, arch } = Deno.build;
      print(`herd ${version}, deno ${Deno.version.deno}, ${os} ${arch}, ${navigator.hardwareConcurrency} cores`);
      for (const engine of await tryEngines()) describe(engine).forEach((line) => print(line));
      const adapter = await findAdapter();
      if (adapter) describeLimits(adapter).forEach((line, i) => print(`${label(i === 0 ? "adapter" : "")} ${line}`));
      const bus = await pciGpus();
      const isGpu = adapter !== undefined && !isSoftware(adapter);
      print(`${label("GPUs")} ${isGpu ? describeGpus(bus, await findGpus()) : `${describeBus(bus)}; WebGPU has none`}`);
      print(`${label("auto")} ${(await chooseEngine("auto")).name}`);
      const { cacheDir, dataDir } = dataEnvironment(environment);
      print(`${label("cache")} ${cacheDir}`);
      print(`${label("data")} ${dataDir === undefined ? "HERD_DATA_DIR is not set" : `HERD_DATA_DIR is ${dataDir}`}`);
    },
  });
}

const label = (text: string) => text.padEnd(WIDTH);

function describe({ name, works, adapter, software, reason, remedy, sameBitsOverTiles }: TriedEngine): string[] {
  if (!works) return [`${label(name)} does not work: ${reason}`, `${label("")} to make it work: ${remedy}`];
  const lines = [`${label(name)} works: ${adapter}${name.endsWith("webgpu") && software ? " (no GPU)" : ""}`];
  if (sameBitsOverTiles !== undefined) {
    lines.push(`${label("")} same bits over tiles and forms of kernels: ${sameBitsOverTiles ? "yes" : "no"}`);
  }
  return lines;
}

/** What is on the bus, and what comes of it: WebGPU itself tells of one adapter only. */
export function describeGpus(bus: readonly PciGpu[], { count, tags }: FoundGpus): string {
  const onBus = describeBus(bus);
  if (tags.length > 1) return `${onBus}; ${tags.length} workers can have one each`;
  return `${onBus}; WebGPU gives the first${count > 1 ? ` of ${count}, which cannot be told apart` : ""}`;
}

function describeBus(bus: readonly PciGpu[]): string {
  if (bus.length === 0) return "none on the PCI bus";
  const list = bus.map(({ address, driver }) => `${address} ${driver ?? "without a driver"}`);
  return `${bus.length} on the PCI bus (${list.join(", ")})`;
}
