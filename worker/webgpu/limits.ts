// What of an adapter decides which kernels fit it and how fast they can be, in words.

/** What is read of an adapter. */
export interface AdapterLimits {
  readonly limits: Pick<
    GPUSupportedLimits,
    | "maxBufferSize"
    | "maxStorageBufferBindingSize"
    | "maxUniformBufferBindingSize"
    | "maxComputeWorkgroupStorageSize"
    | "maxComputeInvocationsPerWorkgroup"
  >;
  readonly features: Pick<ReadonlySet<string>, "has">;
}

const FEATURES = ["shader-f16", "timestamp-query", "subgroups"];

/** A line for each kind of limit, and one of features. */
export function describeLimits({ limits, features }: AdapterLimits): string[] {
  const all = (name: string) => `${name} ${features.has(name) ? "yes" : "no"}`;
  return [
    `buffers     ${binary(limits.maxBufferSize)}; a storage binding ${binary(limits.maxStorageBufferBindingSize)}, ` +
    `a uniform one ${binary(limits.maxUniformBufferBindingSize)}`,
    `workgroups  ${limits.maxComputeInvocationsPerWorkgroup} invocations, ` +
    `${binary(limits.maxComputeWorkgroupStorageSize)} of memory`,
    `features    ${FEATURES.map(all).join(", ")}`,
  ];
}

/** "128 MiB": these limits are powers of two, or one below. */
function binary(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let [value, unit] = [bytes, 0];
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${Number(value.toFixed(2))} ${units[unit]}`;
}
