// From what the doctor has seen to what is wrong and what mends it. Pure: it looks at nothing itself.
import { formatBytes } from "../../shared/cli/format.ts";
import { WEBGPU_REMEDY } from "../webgpu/adapter.ts";
import type { Facts, FolderFacts } from "./facts.ts";

/** Something that is wrong. */
export interface Finding {
  /** "problem": the main job cannot run. "warning": it can, but not as it should. */
  readonly kind: "problem" | "warning";
  /** What is wrong and the value seen. */
  readonly what: string;
  /** A command, or what else to type. */
  readonly mend: string;
}

/** The archives of Horses or Humans, and what is made of them at 300 pixels. */
const DATA_BYTES = 161_055_054 + 1_283 * 300 * 300 * 3;
/** What the default run leaves: two trainings with checkpoints and models. */
const RUN_BYTES = 110e6;
/** What a coordinator and a worker were seen to hold (tests/bench/README.md), rounded up. */
const COORDINATOR_BYTES = 0.5e9;
const WORKER_BYTES = 0.2e9;
/** Both clocks are read within a millisecond of each other; the rest is somebody setting one of them. */
const DRIFT_MS = 250;
const DAY_MS = 24 * 3600e3;
const LEAST_DENO = [2, 9, 6];
const ANOTHER_CACHE = "export HERD_CACHE_DIR=/path/to/another/folder";

/** What is wrong, problems first. */
export function findingsOf(facts: Facts): Finding[] {
  const { auto, engines, loopback, dataDir, cache } = facts;
  return [
    ...when(auto === null, "problem", {
      what: `No engine works (${
        engines.map(({ name, reason }) => `${name}: ${reason}`).join("; ") || "none was tried"
      })`,
      mend: engines.find(({ remedy }) => remedy !== undefined)?.remedy ?? "deno upgrade 2.9.6",
    }),
    ...when(loopback !== null, "problem", {
      what: `Workers cannot connect at 127.0.0.1 (${loopback})`,
      mend: "sudo ip link set lo up",
    }),
    ...when(dataDir?.exists === false, "problem", {
      what: "HERD_DATA_DIR is set, and there is nothing under that path",
      mend: "unset HERD_DATA_DIR",
    }),
    ...when(cache === null, "problem", {
      what: "There is no home directory to keep data in",
      mend: ANOTHER_CACHE,
    }),
    ...cache === null ? [] : folder("The cache", cache, {
      needed: Math.max(0, DATA_BYTES - cache.bytes),
      mend: ANOTHER_CACHE,
    }),
    ...folder("The present folder", facts.runs, {
      needed: RUN_BYTES,
      mend: "deno task train --out /path/to/another/folder",
    }),
    ...warnings(facts),
  ];
}

/** Drivers of GPUs that can compute: a server's own screen has others. */
const GPU_DRIVERS = ["nvidia", "nouveau", "amdgpu", "radeon", "i915", "xe"];

function warnings({ versions, cpu, container, memory, clock, late, bus, engines }: Facts): Finding[] {
  const workers = Math.min(cpu.cores, Math.max(1, Math.floor(container.cores ?? Infinity)));
  const available = Math.min(memory.availableBytes, container.memoryBytes ?? Infinity);
  const fit = Math.max(1, Math.floor((available - COORDINATOR_BYTES) / WORKER_BYTES));
  const today = new Date(clock.wall);
  const isEarly = clock.wall < clock.filesFrom - DAY_MS;
  const date = Number.isNaN(today.getTime()) ? "no date" : today.toISOString();
  const gpu = bus.find(({ driver }) => driver !== undefined && GPU_DRIVERS.includes(driver));
  const hasGpu = engines.some(({ name, works, software }) => name === "webgpu" && works && !software);
  return [
    ...when(gpu !== undefined && !hasGpu, "warning", {
      what: `There is a GPU at ${gpu?.address} (${gpu?.driver}), and WebGPU does not find it`,
      mend: WEBGPU_REMEDY,
    }),
    ...when(isOlder(versions.deno), "warning", {
      what: `Deno ${versions.deno} is older than what Herd is tested with, ${LEAST_DENO.join(".")}`,
      mend: `deno upgrade ${LEAST_DENO.join(".")}`,
    }),
    ...when(cpu.cores === 1, "warning", {
      what: "There is one core, which the coordinator and its worker share: the default run takes hours",
      mend: "deno task train --workers 1 --limit 64",
    }),
    ...when(workers < cpu.cores, "warning", {
      what: `There are ${cpu.cores} cores, and this container has the time of ${container.cores}`,
      mend: `deno task train --workers ${workers}`,
    }),
    ...when(available < COORDINATOR_BYTES + workers * WORKER_BYTES, "warning", {
      what: `${formatBytes(available)} of memory are not enough for ${workers} worker${workers === 1 ? "" : "s"}`,
      mend: fit < workers ? `deno task train --workers ${fit}` : "deno task train --workers 1 --image-size 150",
    }),
    ...when(isEarly || !(today.getFullYear() < 2100), "warning", {
      what: `The clock says ${date}${
        isEarly ? ", which is before Herd's files were made" : ""
      }: certificates would fail`,
      mend: "sudo timedatectl set-ntp true",
    }),
    ...when(Math.abs(clock.drift) > DRIFT_MS, "warning", {
      what: `The clock moved ${Math.round(clock.drift)} ms more than time did: something is setting it`,
      mend: "timedatectl timesync-status",
    }),
    ...late.map((name): Finding => ({
      kind: "warning",
      what: `The look at ${name} did not end in time`,
      mend: "deno task doctor # once more, with nothing else at work",
    })),
  ];
}

function folder(
  name: string,
  { path, unwritable, freeBytes }: FolderFacts,
  { needed, mend }: { readonly needed: number; readonly mend: string },
): Finding[] {
  if (unwritable !== null) return when(true, "problem", { what: `${name} ${path} ${unwritable}`, mend });
  const free = freeBytes ?? Infinity;
  const what = `${name} ${path} is on a disk with ${formatBytes(free)} left; the default run needs ${
    formatBytes(needed)
  }`;
  return when(free < needed, "problem", { what, mend });
}

function when(isSo: boolean, kind: Finding["kind"], finding: Omit<Finding, "kind">): Finding[] {
  return isSo ? [{ kind, ...finding }] : [];
}

function isOlder(version: string): boolean {
  const parts = version.split(/[.+-]/).map(Number);
  const at = LEAST_DENO.findIndex((least, i) => parts[i] !== least);
  return at >= 0 && !(parts[at]! > LEAST_DENO[at]!);
}
