// Makes the engine that a run asks for, with its fingerprint.
import type { NumericConfig } from "../shared/config.ts";
import type { Backend } from "../shared/engine_names.ts";
import { chooseEngine, createEngine } from "./engines.ts";
import { fingerprintOf } from "./probe.ts";
import type { PreparedEngine } from "./session.ts";

/**
 * @param onLeaf called after each leaf of a training pass
 * @throws {HerdError} cluster, if the engine does not work here
 */
export async function prepareEngine(
  { model, microBatch }: NumericConfig,
  backend: Backend,
  onLeaf: () => void,
): Promise<PreparedEngine> {
  const { name } = await chooseEngine(backend);
  const fingerprint = await fingerprintOf(name, model, microBatch);
  const engine = await createEngine(name, { spec: model, microBatch, augment: true, onLeaf });
  return { engine, fingerprint };
}
