// The thread in which the doctor tries the engines: a driver that hangs stops this one, and not the doctor.
import { type TriedEngine, tryEngines } from "../trial.ts";
import { describeAdapter, findAdapter } from "../webgpu/adapter.ts";
import type { AdapterFacts } from "./facts.ts";

/** What it tells, bit by bit. */
export type FromTrial =
  | { readonly type: "engine"; readonly engine: TriedEngine }
  | { readonly type: "adapter"; readonly adapter: AdapterFacts | null }
  | { readonly type: "done" };

const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxUniformBufferBindingSize",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
] as const;

async function adapterFacts(): Promise<AdapterFacts | null> {
  const adapter = await findAdapter();
  if (adapter === undefined) return null;
  const limits = Object.fromEntries(
    LIMITS.map((name) => [name, adapter.limits[name]]),
  ) as unknown as AdapterFacts["limits"];
  return { name: describeAdapter(adapter), limits, features: [...adapter.features].sort() };
}

const tell = (message: FromTrial) =>
  (self as unknown as { postMessage(message: FromTrial): void }).postMessage(message);
tell({ type: "adapter", adapter: await adapterFacts() });
for await (const engine of tryEngines()) tell({ type: "engine", engine });
tell({ type: "done" });
