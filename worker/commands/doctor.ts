// `deno task doctor`: which engines work on this machine, and what would make the others work.
import { dataEnvironment } from "../../data/mod.ts";
import { type Command, command, commonFlags } from "../../shared/cli/command.ts";
import { ENGINE_NAMES } from "../../shared/engine_names.ts";
import { chooseEngine } from "../engines.ts";
import { type TriedEngine, tryEngines } from "../trial.ts";

const WIDTH = Math.max(...ENGINE_NAMES.map(({ length }) => length));

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
