// Which WebGPU adapter there is, and what to do where there is none. Loads no TF.js, so it is cheap to ask.

/** What to do to get an adapter, for people. */
export const WEBGPU_REMEDY =
  "apt-get install -y mesa-vulkan-drivers libvulkan1 (a software adapter, or Intel's and AMD's GPUs; for NVIDIA's the " +
  "driver's own Vulkan part, libnvidia-gl)";

/** The adapter that Deno's WebGPU would use, or undefined where there is none. */
export async function findAdapter(): Promise<GPUAdapter | undefined> {
  try {
    return await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" }) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Whether an adapter is a CPU in disguise. */
export function isSoftware({ info }: GPUAdapter): boolean {
  return info.isFallbackAdapter || /llvmpipe|lavapipe|swiftshader|basic render/i.test(info.description);
}

/** An adapter in words: "NVIDIA H100 PCIe", "llvmpipe (LLVM 15.0.6, 256 bits) [software]". */
export function describeAdapter(adapter: GPUAdapter): string {
  const { description, vendor, architecture, device } = adapter.info;
  const name = description || [vendor, architecture, device].filter(Boolean).join(" ") || "unnamed adapter";
  return isSoftware(adapter) ? `${name} [software]` : name;
}
