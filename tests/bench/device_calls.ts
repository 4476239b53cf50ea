// What an engine asks of WebGPU while it is watched, and what that costs the thread that asks: waiting for the device is not counted.

/** What was counted. */
export interface Calls {
  readonly dispatches: number;
  readonly submits: number;
  /** Milliseconds of the processor that this thread has used; null where the system does not tell. */
  readonly cpuMs: number | null;
}

/** Watches an action. Others must not run meanwhile. */
export async function watchDevice(action: () => Promise<unknown>): Promise<Calls> {
  let [dispatches, submits] = [0, 0];
  const { dispatchWorkgroups } = GPUComputePassEncoder.prototype;
  const { submit } = GPUQueue.prototype;
  GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...args) {
    dispatches++;
    return dispatchWorkgroups.apply(this, args);
  };
  GPUQueue.prototype.submit = function (...args) {
    submits++;
    return submit.apply(this, args);
  };
  const before = threadMs();
  try {
    await action();
  } finally {
    GPUComputePassEncoder.prototype.dispatchWorkgroups = dispatchWorkgroups;
    GPUQueue.prototype.submit = submit;
  }
  const after = threadMs();
  return { dispatches, submits, cpuMs: before === undefined || after === undefined ? null : after - before };
}

/** Milliseconds of the processor that this thread has used since it began; undefined where the system does not tell. */
export function threadMs(): number | undefined {
  try {
    // Read by the thread itself: the first number is nanoseconds.
    return Number(Deno.readTextFileSync("/proc/thread-self/schedstat").split(" ")[0]) / 1e6;
  } catch {
    return undefined;
  }
}
