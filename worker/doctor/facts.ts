// What the doctor looks at: everything that it knows of a machine, as data. It is what --json prints, so there is no secret in it.
import type { EngineName } from "../../shared/engine_names.ts";
import type { PciGpu } from "../gpus/pci.ts";
import type { TriedEngine } from "../trial.ts";
import type { AdapterLimits } from "../webgpu/limits.ts";

/** A folder that Herd writes to. */
export interface FolderFacts {
  /** As it is named here, with ~ for the user's home. */
  readonly path: string;
  /** Whether it is there; else its nearest parent is looked at. */
  readonly exists: boolean;
  /** Why it cannot be written; null if it can. */
  readonly unwritable: string | null;
  /** What its disk has left for this user; null where that cannot be told. */
  readonly freeBytes: number | null;
}

/** What of an adapter decides which kernels fit it. */
export interface AdapterFacts {
  /** In words. */
  readonly name: string;
  /** Those that Herd's kernels look at, in WebGPU's names and units. */
  readonly limits: AdapterLimits["limits"];
  /** In WebGPU's names. */
  readonly features: readonly string[];
}

/** What a container may use; null for what is not limited. */
export interface ContainerLimits {
  /** The time of so many cores. */
  readonly cores: number | null;
  readonly memoryBytes: number | null;
}

/** A machine as the doctor finds it. */
export interface Facts {
  readonly versions: { readonly herd: string; readonly deno: string; readonly v8: string };
  readonly os: { readonly name: string; readonly arch: string; readonly release: string };
  /** Cores are those that this process may run on. */
  readonly cpu: { readonly model: string; readonly cores: number };
  readonly memory: { readonly totalBytes: number; readonly availableBytes: number };
  readonly container: ContainerLimits;
  /** Those that have been tried. */
  readonly engines: readonly TriedEngine[];
  /** What --backend auto takes; null if there is none. */
  readonly auto: EngineName | null;
  readonly adapter: AdapterFacts | null;
  /** Display controllers on the bus. */
  readonly bus: readonly PciGpu[];
  /** The GPUs in words. */
  readonly gpus: string;
  /** Null where the user's shell names no folder for it. */
  readonly cache: FolderFacts & { readonly bytes: number } | null;
  /** Where runs are left: the present folder. */
  readonly runs: FolderFacts;
  /** HERD_DATA_DIR, if it is set. */
  readonly dataDir: { readonly exists: boolean } | null;
  /** Why workers on this machine could not connect; null if they can. */
  readonly loopback: string | null;
  readonly clock: ClockFacts;
  /** Variables that Herd, Deno or a driver reads, and whether each is set. */
  readonly environment: Readonly<Record<string, boolean>>;
  /** Checks that did not end in time. */
  readonly late: readonly string[];
}

/** The wall clock, beside others. */
export interface ClockFacts {
  /** What it says, in milliseconds since 1970. */
  readonly wall: number;
  /** By how many milliseconds it has moved more than the monotonic clock has. */
  readonly drift: number;
  /** Of Herd's own files, in milliseconds since 1970: they are not from the future. */
  readonly filesFrom: number;
  readonly timezone: string;
}
