// Whether an engine really computes here: one leaf of a tiny network through it, not only a look at what is installed.
import { messageOf } from "../shared/errors.ts";
import { builtInModel } from "../shared/model.ts";
import { availableEngines, createEngine, type EngineReport } from "./engines.ts";
import { probe } from "./probe.ts";

/** An engine's report after a trial. */
export interface TriedEngine extends EngineReport {
  /** On what the bits of its results depend, as a hash. */
  readonly fingerprint?: string;
  /** Whether other tiles give the same bits on this adapter; where an engine has tiles. */
  readonly sameBitsOverTiles?: boolean;
}

/** Any will do: nobody is to be convinced. */
const KEY = "0123456789abcdef";

/** Tries every engine that claims to work, one after another. */
export async function* tryEngines(): AsyncGenerator<TriedEngine> {
  for (const report of await availableEngines()) yield report.works ? await tryEngine(report) : report;
}

async function tryEngine(report: EngineReport): Promise<TriedEngine> {
  const spec = builtInModel("tiny", 32);
  try {
    await using engine = await createEngine(report.name, { spec, microBatch: 1, augment: true });
    const { fingerprint } = await probe(engine, spec, { microBatch: 1, key: KEY });
    if (report.name !== "webgpu") return { ...report, fingerprint };
    const { sameBitsOverTiles } = await import("./webgpu/mod.ts");
    return { ...report, fingerprint, sameBitsOverTiles: await sameBitsOverTiles() };
  } catch (error) {
    return { name: report.name, works: false, reason: messageOf(error), remedy: "use another --backend" };
  }
}
