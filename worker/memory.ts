// What an engine's memory will be for a network, planned without making the engine.
import type { EngineName } from "../shared/engine_names.ts";
import type { EngineMemory, PlannedModel } from "../shared/model_cost.ts";
import { parameterCount } from "../shared/model.ts";
import { rootOf } from "../shared/tree.ts";

/**
 * The memory of one worker of an engine; undefined for TF.js, which plans none.
 * @throws {HerdError} usage, if the network does not fit
 */
export async function engineMemory(name: EngineName, planned: PlannedModel): Promise<EngineMemory | undefined> {
  const { spec, microBatch, batchSize } = planned;
  const depth = rootOf(Math.ceil(batchSize / microBatch)).level;
  const memory = (gradientBytes: number, slots: number, total: number): EngineMemory => {
    const weights = 4 * parameterCount(spec);
    return { weights, gradients: slots * gradientBytes, leaf: total - weights - slots * gradientBytes, total };
  };
  if (name === "simd") {
    const [{ pagesOf, planMemory }, { PAGE_BYTES }] = await Promise.all([
      import("./simd/plan.ts"),
      import("./simd/kernels.ts"),
    ]);
    const plan = planMemory(spec, microBatch);
    return memory(plan.gradientBytes, depth + 1, PAGE_BYTES * pagesOf(plan, depth + 1));
  }
  if (name !== "webgpu") return undefined;
  const { findAdapter, isSoftware } = await import("./webgpu/adapter.ts");
  const adapter = await findAdapter();
  if (adapter === undefined) return undefined;
  const [{ planFor }, { presetOf }] = await Promise.all([import("./webgpu/fit.ts"), import("./webgpu/presets.ts")]);
  const plan = planFor(spec, presetOf(isSoftware(adapter) ? "software" : "discrete"), microBatch, adapter.limits);
  const slots = depth + (microBatch > plan.images ? 2 : 1);
  const { gradientBytes } = plan.layout;
  return memory(gradientBytes, slots, plan.bytes + slots * gradientBytes);
}
