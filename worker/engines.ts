// Which engines there are, which of them work here, and how one is made. An engine's code is loaded only when it is asked
// for, so that a worker on one engine does not pay for the others.
import { HerdError, messageOf } from "../shared/errors.ts";
import { layerShapes } from "../shared/model.ts";
import type { EngineName, EngineOptions, GradientEngine } from "./engine.ts";
import { describeAdapter, findAdapter, isSoftware, WEBGPU_REMEDY } from "./webgpu/adapter.ts";

/** Whether an engine works on this machine. */
export interface EngineReport {
  /** As --backend takes it. */
  readonly name: EngineName;
  /** Whether it does. */
  readonly works: boolean;
  /** The device in words, where the engine works. */
  readonly adapter?: string;
  /** Whether the device is a CPU in disguise. */
  readonly software?: boolean;
  /** Why the engine does not work. */
  readonly reason?: string;
  /** What would make it work. */
  readonly remedy?: string;
}

interface EngineKind {
  readonly name: EngineName;
  /** Whether waiting for its device stops the event loop. */
  readonly blocks: boolean;
  report(): Promise<EngineReport>;
  create(options: EngineOptions): Promise<GradientEngine>;
}

/** An entry adds an engine. */
const ENGINES: readonly EngineKind[] = [
  {
    name: "webgpu",
    blocks: true,
    report: () => reportWebgpu("webgpu"),
    create: async (options) => (await import("./webgpu/mod.ts")).createWebgpuEngine(options),
  },
  {
    name: "simd",
    blocks: false,
    report: async () => {
      const { describeSimd } = await import("./simd/mod.ts");
      return { name: "simd", works: true, adapter: describeSimd(), software: true };
    },
    create: async (options) => (await import("./simd/mod.ts")).createSimdEngine(options),
  },
  {
    name: "tfjs-webgpu",
    blocks: true,
    report: () => reportWebgpu("tfjs-webgpu"),
    create: async (options) => (await import("./tfjs/mod.ts")).createTfjsWebgpuEngine(options),
  },
  {
    name: "tfjs-cpu",
    blocks: false,
    report: () => Promise.resolve({ name: "tfjs-cpu", works: true, adapter: "TF.js cpu", software: true }),
    create: async (options) => (await import("./tfjs/mod.ts")).createTfjsCpuEngine(options),
  },
];

/** What works here, for `doctor` and for the choice of an engine. */
export function availableEngines(): Promise<readonly EngineReport[]> {
  return Promise.all(ENGINES.map((engine) => engine.report()));
}

/**
 * The engine for `--backend`: the named one, or for "auto" a real GPU, else SIMD, else WebGPU on a software adapter, else
 * TF.js in plain TypeScript. TF.js on WebGPU is only ever taken by name.
 * @throws {HerdError} cluster, if the named engine does not work here
 */
export async function chooseEngine(wanted: EngineName | "auto"): Promise<EngineReport> {
  // Who is not meant is not asked: to look for adapters costs time and memory.
  const asked = ENGINES.filter(({ name }) => wanted === "auto" ? name !== "tfjs-webgpu" : name === wanted);
  return chooseAmong(await Promise.all(asked.map((engine) => engine.report())), wanted);
}

/** Whether an engine has a thread of its own, since waiting for its device would stop the one that talks. */
export function livesInThread(engine: EngineName): boolean {
  return ENGINES.some(({ name, blocks }) => name === engine && blocks);
}

/** {@linkcode chooseEngine} on given reports. */
export function chooseAmong(reports: readonly EngineReport[], wanted: EngineName | "auto"): EngineReport {
  const working = (name: EngineName) => reports.find((report) => report.name === name && report.works);
  if (wanted !== "auto") return working(wanted) ?? refuse(wanted, reports);
  const webgpu = working("webgpu");
  const best = webgpu && !webgpu.software ? webgpu : working("simd") ?? webgpu ?? working("tfjs-cpu");
  return best ?? refuse("tfjs-cpu", reports);
}

/**
 * Makes an engine.
 * @throws {HerdError} usage, if the model or the micro-batch is not one that can be computed; cluster, if the engine does not
 * work here
 */
export async function createEngine(name: EngineName, options: EngineOptions): Promise<GradientEngine> {
  assertComputable(options);
  const engine = ENGINES.find((kind) => kind.name === name);
  if (!engine) return refuse(name, []);
  try {
    return await engine.create(options);
  } catch (cause) {
    if (cause instanceof HerdError) throw cause;
    throw new HerdError("cluster", `The ${name} engine cannot start: ${messageOf(cause)}`, { cause });
  }
}

async function reportWebgpu(name: EngineName): Promise<EngineReport> {
  const adapter = await findAdapter();
  return adapter
    ? { name, works: true, adapter: describeAdapter(adapter), software: isSoftware(adapter) }
    : { name, works: false, reason: "no WebGPU adapter was found", remedy: WEBGPU_REMEDY };
}

function refuse(name: EngineName, reports: readonly EngineReport[]): never {
  const report = reports.find((candidate) => candidate.name === name);
  const why = report?.reason ?? "this build has no such engine";
  const remedy = report?.remedy ?? `use --backend ${ENGINES.map((kind) => kind.name).join(" or ")}`;
  throw new HerdError("cluster", `The ${name} engine does not work here, since ${why}: ${remedy}`);
}

function assertComputable({ spec, microBatch }: EngineOptions): void {
  if (!Number.isInteger(microBatch) || microBatch < 1) {
    throw new HerdError("usage", `--micro-batch must be a whole number of at least 1: got ${microBatch}`);
  }
  const shapes = layerShapes(spec);
  const tooSmall = shapes.find((shape) => shape.kind === "conv" && shape.outputSize < 1);
  if (tooSmall) {
    throw new HerdError(
      "usage",
      `Images of ${spec.imageSize} px leave nothing after block ${tooSmall.layer + 1}: use larger ones`,
    );
  }
  const last = shapes.at(-1);
  if (last?.kind !== "dense" || last.units !== spec.classes || last.relu) {
    throw new HerdError(
      "usage",
      `A model of ${spec.classes} classes must end in a dense layer of as many units without ReLU`,
    );
  }
}
