// What an engine asks of WebGPU while it is watched: dispatches, submissions, and how long the thread waits. Everything else that
// passes is the thread's own work. In Deno, waiting for a device holds the thread in the call itself (worker/webgpu/waiting.ts).
import { callWaits } from "../../worker/webgpu/waiting.ts";

/** What was counted. */
export interface Calls {
  readonly dispatches: number;
  readonly submits: number;
  /** Milliseconds in waiting for the device, and for the event loop to turn. */
  readonly waitedMs: number;
}

/** Watches an action. Others must not run meanwhile. */
export async function watchDevice(action: () => Promise<void>): Promise<Calls> {
  const counted = { dispatches: 0, submits: 0, waitedMs: 0 };
  const { dispatchWorkgroups } = GPUComputePassEncoder.prototype;
  const { submit, onSubmittedWorkDone } = GPUQueue.prototype;
  const { mapAsync } = GPUBuffer.prototype;
  const { setTimeout } = globalThis;
  const waiting = <T>(call: () => Promise<T>): Promise<T> => {
    const start = performance.now();
    const stop = () => void (counted.waitedMs += performance.now() - start);
    const promise = call();
    if (callWaits()) stop();
    else promise.then(stop, stop);
    return promise;
  };
  GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...args) {
    counted.dispatches++;
    return dispatchWorkgroups.apply(this, args);
  };
  GPUQueue.prototype.submit = function (...args) {
    counted.submits++;
    return submit.apply(this, args);
  };
  GPUQueue.prototype.onSubmittedWorkDone = function () {
    return waiting(() => onSubmittedWorkDone.call(this));
  };
  GPUBuffer.prototype.mapAsync = function (...args) {
    return waiting(() => mapAsync.apply(this, args));
  };
  globalThis.setTimeout = ((callback: () => void, delay?: number) => {
    const start = performance.now();
    return setTimeout(() => {
      counted.waitedMs += performance.now() - start;
      callback();
    }, delay);
  }) as typeof globalThis.setTimeout;
  try {
    await action();
  } finally {
    GPUComputePassEncoder.prototype.dispatchWorkgroups = dispatchWorkgroups;
    Object.assign(GPUQueue.prototype, { submit, onSubmittedWorkDone });
    GPUBuffer.prototype.mapAsync = mapAsync;
    globalThis.setTimeout = setTimeout;
  }
  return counted;
}
