// The GPUs that a step can be predicted for: those whose figures are known, and those that flags describe.
import { HerdError } from "../../shared/errors.ts";
import type { GpuFigures } from "./roofline.ts";

const LAUNCH = "a dispatch 30 µs, the middle of 24 to 36 µs on Vulkan (arXiv 2604.02344)";
const TRANSFER = "transfers 25 GB/s, an assumption: less than half of what PCIe 5.0 with 16 lanes can do";

/** GPUs whose figures are known, by the names that --gpu takes. */
export const KNOWN_GPUS: Readonly<Record<string, GpuFigures>> = {
  h100: {
    name: "NVIDIA H100 SXM5",
    source: `67 TFLOP/s and 3350 GB/s by NVIDIA's data sheet; ${LAUNCH}; ${TRANSFER}`,
    teraflops: 67,
    gigabytesPerSecond: 3350,
    microsecondsADispatch: 30,
    transferGigabytesPerSecond: 25,
  },
  "h100-pcie": {
    name: "NVIDIA H100 PCIe",
    source: `51 TFLOP/s and 2000 GB/s by NVIDIA's data sheet; ${LAUNCH}; ${TRANSFER}`,
    teraflops: 51,
    gigabytesPerSecond: 2000,
    microsecondsADispatch: 30,
    transferGigabytesPerSecond: 25,
  },
};

/** Flags of the bench that are given; figures without --gpu describe a GPU of the user's own. */
export interface RooflineFlags {
  readonly gpu?: string | undefined;
  readonly teraflops?: number | undefined;
  readonly bandwidth?: number | undefined;
  readonly dispatchUs?: number | undefined;
  readonly transfer?: number | undefined;
  readonly share?: number | undefined;
  readonly fixedMs?: number | undefined;
}

/** The figures that flags give; undefined if they give none. @throws {HerdError} usage */
export function figuresOf(flags: RooflineFlags): GpuFigures | undefined {
  const { gpu, teraflops, bandwidth, dispatchUs, transfer } = flags;
  const known = gpu === undefined ? undefined : Object.hasOwn(KNOWN_GPUS, gpu) ? KNOWN_GPUS[gpu] : undefined;
  if (gpu !== undefined && !known) {
    const names = Object.keys(KNOWN_GPUS).join(", ");
    throw new HerdError("usage", `--gpu cannot be "${gpu}": use ${names}, or give --teraflops and the other figures`);
  }
  const given = { teraflops, bandwidth, dispatchUs, transfer };
  const missing = Object.entries(given).find(([, value]) => value === undefined)?.[0];
  if (!known && missing === undefined) {
    return {
      name: "a GPU of these figures",
      source: "as given",
      teraflops: teraflops!,
      gigabytesPerSecond: bandwidth!,
      microsecondsADispatch: dispatchUs!,
      transferGigabytesPerSecond: transfer!,
    };
  }
  if (!known && Object.values(given).every((value) => value === undefined)) return undefined;
  if (!known) {
    const all = "--teraflops, --bandwidth (GB/s), --dispatch-us and --transfer (GB/s)";
    throw new HerdError("usage", `Figures of a GPU are missing: give ${all}, or --gpu`);
  }
  const changed = Object.values(given).some((value) => value !== undefined);
  return {
    name: known.name,
    source: changed ? `${known.source}; some as given` : known.source,
    teraflops: teraflops ?? known.teraflops,
    gigabytesPerSecond: bandwidth ?? known.gigabytesPerSecond,
    microsecondsADispatch: dispatchUs ?? known.microsecondsADispatch,
    transferGigabytesPerSecond: transfer ?? known.transferGigabytesPerSecond,
  };
}
