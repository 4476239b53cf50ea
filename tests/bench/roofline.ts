// How long a step takes on a GPU of which only figures are known: each dispatch takes the longer of its arithmetic and its memory
// traffic, and a launch besides; transfers and what the host does come on top. Nothing overlaps, so that it errs on the slow side;
// caches are taken to be perfect, so that it errs on the fast one.

/** What a GPU can do. */
export interface GpuFigures {
  readonly name: string;
  /** Where the figures are from. */
  readonly source: string;
  /** Float32 peak, 10¹² operations a second. */
  readonly teraflops: number;
  /** Of its memory, 10⁹ bytes a second. */
  readonly gigabytesPerSecond: number;
  readonly microsecondsADispatch: number;
  /** Between host and device, 10⁹ bytes a second. */
  readonly transferGigabytesPerSecond: number;
}

/** What a dispatch does. */
export interface Work {
  readonly label: string;
  /** Float32 operations, two a multiply-add. */
  readonly operations: number;
  /** Bytes that it reads and writes, each once. */
  readonly bytes: number;
}

/** What a step does. */
export interface StepWork {
  readonly images: number;
  /** All dispatches of all passes. */
  readonly dispatches: readonly Work[];
  /** Bytes up and down. */
  readonly transferBytes: number;
  /** What the host does while the device waits. */
  readonly fixedMs: number;
}

/** Milliseconds of a step, part by part. */
export interface Prediction {
  readonly kernelMs: number;
  readonly launchMs: number;
  readonly transferMs: number;
  readonly fixedMs: number;
  readonly totalMs: number;
  /** Of {@linkcode kernelMs}: of dispatches that wait for memory rather than for arithmetic. */
  readonly memoryBoundMs: number;
}

/** Of the peak, what kernels reach: 25 to 40 % is what published matrix kernels in WGSL do. */
export const SHARE_OF_PEAK = 0.25;

/**
 * Predicts a step.
 * @param share of the float32 peak that kernels reach
 */
export function predictStep(step: StepWork, gpu: GpuFigures, share = SHARE_OF_PEAK): Prediction {
  let [kernelMs, memoryBoundMs] = [0, 0];
  for (const { operations, bytes } of step.dispatches) {
    const arithmetic = operations / (gpu.teraflops * share * 1e9);
    const memory = bytes / (gpu.gigabytesPerSecond * 1e6);
    kernelMs += Math.max(arithmetic, memory);
    if (memory > arithmetic) memoryBoundMs += memory;
  }
  const launchMs = step.dispatches.length * gpu.microsecondsADispatch / 1000;
  const transferMs = step.transferBytes / (gpu.transferGigabytesPerSecond * 1e6);
  const { fixedMs } = step;
  return {
    kernelMs,
    launchMs,
    transferMs,
    fixedMs,
    totalMs: kernelMs + launchMs + transferMs + fixedMs,
    memoryBoundMs,
  };
}
