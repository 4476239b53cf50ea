// Gathers what the doctor looks at. It changes nothing, and no look may take longer than its time.
import { cpus } from "node:os";
import { dataEnvironment } from "../../data/mod.ts";
import { ENGINE_NAMES } from "../../shared/engine_names.ts";
import { HerdError } from "../../shared/errors.ts";
import { setSoftwareAdapterEnvironment } from "../../shared/software_adapter.ts";
import { within } from "../../shared/within.ts";
import { chooseAmong } from "../engines.ts";
import { describeGpus } from "../gpus/describe.ts";
import { findGpus } from "../gpus/find.ts";
import { pciGpus } from "../gpus/pci.ts";
import type { TriedEngine } from "../trial.ts";
import { containerLimits } from "./container.ts";
import type { Facts } from "./facts.ts";
import { bytesBelow, isThere, lookAtFolder } from "./folder.ts";
import { tryLoopback } from "./loopback.ts";
import { tryInThread } from "./trial.ts";

const LOOK_MS = 10_000;
/** For an engine. Software adapters compile their kernels for a while. */
const ENGINE_MS = 90_000;
/** It asks a process for each GPU. */
const GPUS_MS = 60_000;

const VARIABLES = [
  ..."HERD_DATA_DIR HERD_DATA_URL HERD_CACHE_DIR XDG_CACHE_HOME HOME NO_COLOR TERM TZ LANG".split(" "),
  ..."DENO_DIR DENO_CERT DENO_TLS_CA_STORE DENO_V8_FLAGS HTTP_PROXY HTTPS_PROXY NO_PROXY".split(" "),
  ..."DENO_WEBGPU_BACKEND NODEVICE_SELECT DRI_PRIME MESA_VK_DEVICE_SELECT VK_DRIVER_FILES VK_ICD_FILENAMES".split(" "),
  ..."LP_NUM_THREADS LP_NATIVE_VECTOR_WIDTH MESA_SHADER_CACHE_DIR".split(" "),
  ..."CUDA_VISIBLE_DEVICES MALLOC_ARENA_MAX SLURM_JOB_ID KUBERNETES_SERVICE_HOST".split(" "),
];

/** Looks at everything. */
export async function gatherFacts(
  { version, environment, onEngine }: {
    /** The version of Herd. */
    readonly version: string;
    readonly environment: Readonly<Record<string, string>>;
    /** Hears of each engine that has been tried. */
    onEngine(engine: TriedEngine): void;
  },
): Promise<Facts> {
  const late: string[] = [];
  const begun = { wall: Date.now(), monotonic: performance.now() };
  const look = <T>(what: string, milliseconds: number, work: Promise<T>, otherwise: T): Promise<T> =>
    within(milliseconds, work, () => new Error("late")).catch(() => {
      late.push(what);
      return otherwise;
    });
  const home = environment.HOME || undefined;
  const cacheDir = cacheOf(environment);
  // As workers have it.
  if (cacheDir !== undefined) setSoftwareAdapterEnvironment(cacheDir);
  const dataDir = environment.HERD_DATA_DIR;
  const nowhere = (path: string) => ({ path, exists: false, unwritable: null, freeBytes: null });
  const folder = (path: string) => look(`the folder ${path}`, LOOK_MS, lookAtFolder(path, home), nowhere(path));
  const [container, cacheFolder, bytes, runs, isDataThere, loopback, filesFrom, trial] = await Promise.all([
    look("the container's limits", LOOK_MS, containerLimits(readIfThere), { cores: null, memoryBytes: null }),
    cacheDir === undefined ? null : folder(cacheDir),
    cacheDir === undefined ? 0 : look("the size of the cache", LOOK_MS, bytesBelow(cacheDir), 0),
    folder(Deno.cwd()),
    dataDir ? look("HERD_DATA_DIR", LOOK_MS, isThere(dataDir), true) : true,
    look("the loopback", LOOK_MS, tryLoopback(), "it does not answer"),
    look("Herd's files", LOOK_MS, Deno.stat(new URL(import.meta.url)).then(({ mtime }) => mtime?.getTime() ?? 0), 0),
    tryInThread(ENGINE_MS, { onEngine }),
  ]);
  if (!trial.isWhole) late.push(`the engine ${ENGINE_NAMES[trial.engines.length]}`);
  const isGpu = trial.engines.some(({ name, works, software }) => name === "webgpu" && works && !software);
  const bus = await look("the PCI bus", LOOK_MS, pciGpus(), []);
  const gpus = describeGpus(
    bus,
    isGpu ? await look("the GPUs", GPUS_MS, findGpus(environment.DRI_PRIME), { count: 1, tags: [] }) : undefined,
  );
  const { total, available } = Deno.systemMemoryInfo();
  const wall = Date.now();
  return {
    versions: { herd: version, deno: Deno.version.deno, v8: Deno.version.v8 },
    os: { name: Deno.build.os, arch: Deno.build.arch, release: Deno.osRelease() },
    cpu: { model: cpus()[0]?.model.trim() ?? "unknown", cores: navigator.hardwareConcurrency },
    memory: { totalBytes: total, availableBytes: available },
    container,
    engines: trial.engines,
    auto: autoOf(trial.engines),
    adapter: trial.adapter,
    bus,
    gpus,
    cache: cacheFolder === null ? null : { ...cacheFolder, bytes },
    runs,
    dataDir: dataDir ? { exists: isDataThere } : null,
    loopback,
    clock: {
      wall,
      drift: wall - begun.wall - (performance.now() - begun.monotonic),
      filesFrom,
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    },
    environment: Object.fromEntries(VARIABLES.map((name) => [name, Boolean(environment[name])])),
    late,
  };
}

function autoOf(engines: readonly TriedEngine[]): Facts["auto"] {
  try {
    return chooseAmong(engines.filter(({ name }) => name !== "tfjs-webgpu"), "auto").name;
  } catch (error) {
    if (error instanceof HerdError) return null;
    throw error;
  }
}

function cacheOf(environment: Readonly<Record<string, string>>): string | undefined {
  try {
    return dataEnvironment(environment).cacheDir;
  } catch (error) {
    if (error instanceof HerdError) return undefined;
    throw error;
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  return await Deno.readTextFile(path).catch(() => undefined);
}
