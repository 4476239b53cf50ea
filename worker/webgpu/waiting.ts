// Waiting for the device. In Deno, mapAsync() and onSubmittedWorkDone() hold the thread until the device is done with all that was
// submitted, and then their promises take 10 ms more (a sleep in its code). Where a trial has shown that all is done when the call
// returns, the promise is not waited for.

/** Versions of Deno on which tests/engines/webgpu/waiting_test.ts has seen it, in a process of its own: elsewhere it may end one. */
const CALL_WAITS: ReadonlySet<string> = new Set(["2.9.6"]);

/** Whether calls wait here. */
export function callWaits(version = Deno.version.deno): boolean {
  return CALL_WAITS.has(version);
}

/** Promises that nobody waits for, until their sleep is over. */
const left = new Set<Promise<void>>();

function leave(promise: Promise<void>): void {
  const over = promise.catch(() => {}).finally(() => left.delete(over));
  left.add(over);
}

/** Returns when no promise is left over: before a device is given back, or its sleeps would outlive it. */
export async function nothingLeft(): Promise<void> {
  await Promise.all(left);
}

/** Returns when the device is done with all that was submitted. */
export async function workDone(device: GPUDevice): Promise<void> {
  const done = device.queue.onSubmittedWorkDone();
  if (callWaits()) leave(done);
  else await done;
}

/** A buffer for results, which has been mapped once: the first mapping must be waited for, or it ends the process. */
export async function readbackBuffer(device: GPUDevice, bytes: number): Promise<GPUBuffer> {
  const buffer = device.createBuffer({ size: bytes, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  await buffer.mapAsync(GPUMapMode.READ);
  buffer.unmap();
  return buffer;
}

/** A copy of a readback buffer's first bytes, when the device is done with it. */
export async function readBack(buffer: GPUBuffer, bytes: number): Promise<ArrayBuffer> {
  const mapped = buffer.mapAsync(GPUMapMode.READ, 0, bytes);
  if (callWaits()) leave(mapped);
  else await mapped;
  const copy = buffer.getMappedRange(0, bytes).slice(0);
  buffer.unmap();
  return copy;
}
