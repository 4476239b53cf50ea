// What a container, or any control group of Linux, leaves to its processes.
import type { ContainerLimits } from "./facts.ts";

/** Reads a small file; undefined if there is none. */
export type Read = (path: string) => Promise<string | undefined>;

const ROOT = "/sys/fs/cgroup";
/** Version 1 says by such numbers that there is no limit. */
const UNLIMITED = 2 ** 60;

/** The narrowest limits on the way from this process's control group to the root, in version 2 and 1. */
export async function containerLimits(read: Read): Promise<ContainerLimits> {
  const cores: number[] = [];
  const memory: number[] = [];
  for (const line of (await read("/proc/self/cgroup") ?? "").split("\n")) {
    const [, controllers = "", path] = line.split(":");
    if (path === undefined) continue;
    const names = controllers.split(",");
    for (const folder of foldersOf(path)) {
      if (controllers === "") {
        const [quota, period] = (await read(`${ROOT}${folder}/cpu.max`) ?? "").split(/\s/);
        cores.push(Number(quota) / Number(period));
        memory.push(Number.parseInt(await read(`${ROOT}${folder}/memory.max`) ?? ""));
      }
      if (names.includes("cpu")) {
        const of = (name: string) => read(`${ROOT}/cpu${folder}/cpu.cfs_${name}_us`);
        cores.push(Number(await of("quota") ?? NaN) / Number(await of("period") ?? NaN));
      }
      if (names.includes("memory")) {
        memory.push(Number.parseInt(await read(`${ROOT}/memory${folder}/memory.limit_in_bytes`) ?? ""));
      }
    }
  }
  return { cores: least(cores), memoryBytes: least(memory) };
}

/** "/a/b", "/a" and "". */
function foldersOf(path: string): string[] {
  const names = path.split("/").filter((name) => name !== "");
  return Array.from(
    { length: names.length + 1 },
    (_, i) => names.slice(0, names.length - i).map((n) => `/${n}`).join(""),
  );
}

function least(values: readonly number[]): number | null {
  const real = values.filter((value) => value > 0 && value < UNLIMITED);
  return real.length === 0 ? null : Math.min(...real);
}
