// `deno task doctor`: which engines work on this machine, what would make the others work, and which GPUs there are.
import { dataEnvironment } from "../../data/mod.ts";
import { type Command, command, commonFlags } from "../../shared/cli/command.ts";
import { chooseEngine } from "../engines.ts";
import { findGpus, type FoundGpus } from "../gpus/find.ts";
import { type PciGpu, pciGpus } from "../gpus/pci.ts";
import { type TriedEngine, tryEngines } from "../trial.ts";
import { findAdapter, isSoftware } from "../webgpu/adapter.ts";
import { describeLimits } from "../webgpu/limits.ts";

/** The command that tries the engines. */
export function doctorCommand(): Command {
  return command({
    summary: "What works on this machine",
    usage: "",
    flags: commonFlags,
    async run(_given, { print, version, environment }) {
      const { os, arch } = Deno.build;
      print(`herd ${version}, deno ${Deno.version.deno}, ${os} ${arch}, ${navigator.hardwareConcurrency} cores`);
      for (const engine of await tryEngines()) describe(engine).forEach((line) => print(line));
      const adapter = await findAdapter();
      if (adapter) describeLimits(adapter).forEach((line, i) => print(`${i === 0 ? "adapter" : "       "} ${line}`));
      if (adapter && !isSoftware(adapter)) print(`GPUs    ${describeGpus(await pciGpus(), await findGpus())}`);
      else print(`GPUs    ${describeBus(await pciGpus())}; WebGPU has none`);
      print(`auto    ${(await chooseEngine("auto")).name}`);
      const { cacheDir, dataDir } = dataEnvironment(environment);
      print(`cache   ${cacheDir}`);
      print(`data    ${dataDir === undefined ? "HERD_DATA_DIR is not set" : `HERD_DATA_DIR is ${dataDir}`}`);
    },
  });
}

function describe({ name, works, adapter, software, reason, remedy }: TriedEngine): string[] {
  if (works) return [`${name.padEnd(7)} works: ${adapter}${name === "webgpu" && software ? " (no GPU)" : ""}`];
  return [`${name.padEnd(7)} does not work: ${reason}`, `        to make it work: ${remedy}`];
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
