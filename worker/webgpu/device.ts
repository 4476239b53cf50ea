// One GPU device: opened with all that its adapter allows, with every error caught and told, and with what is made on it only once:
// buffers, pipelines and bind groups.
import { HerdError } from "../../shared/errors.ts";
import { DeviceLost } from "../device_lost.ts";
import { describeAdapter, findAdapter, isSoftware, WEBGPU_REMEDY } from "./adapter.ts";
import { type Dispatch, numbersOf, type PlannedBuffer } from "./kernels/dispatch.ts";
import type { Limits } from "./fit.ts";
import { nothingLeft, readBack, readbackBuffer, workDone } from "./waiting.ts";

const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupsPerDimension",
] as const;

/** A dispatch as the device runs it. */
interface Prepared {
  readonly pipeline: GPUComputePipeline;
  readonly bindings: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

/** A device and what is on it. */
export class GpuDevice implements AsyncDisposable {
  /** In words. */
  readonly adapter: string;
  /** Whether it is a CPU in disguise. */
  readonly isSoftware: boolean;
  readonly limits: Limits;
  /** For tests that break it. */
  readonly gpu: GPUDevice;
  readonly #buffers = new Map<PlannedBuffer, GPUBuffer>();
  readonly #pipelines = new Map<string, GPUComputePipeline>();
  readonly #prepared = new Map<Dispatch, Prepared>();
  readonly #readbacks: GPUBuffer[] = [];
  /** The numbers of dispatches. */
  readonly #uniforms: GPUBuffer[] = [];
  #failure: HerdError | undefined;
  #closing = false;

  private constructor(adapter: GPUAdapter, gpu: GPUDevice) {
    this.adapter = describeAdapter(adapter);
    this.isSoftware = isSoftware(adapter);
    this.limits = gpu.limits;
    this.gpu = gpu;
    gpu.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      this.#fail(`rejected an operation (${(event as GPUUncapturedErrorEvent).error.message.trim()})`);
    });
    gpu.lost.then((info) => {
      // Whatever failed before it was known, this is why.
      if (!this.#closing) this.#failure = this.#lost(info.message || info.reason);
    });
  }

  /** @throws {HerdError} cluster, if there is no adapter or it gives no device */
  static async open(): Promise<GpuDevice> {
    const adapter = await findAdapter();
    if (!adapter) throw new HerdError("cluster", `There is no WebGPU adapter here: ${WEBGPU_REMEDY}`);
    const requiredLimits = Object.fromEntries(LIMITS.map((limit) => [limit, adapter.limits[limit]]));
    return new GpuDevice(adapter, await adapter.requestDevice({ requiredLimits }));
  }

  /** Makes a buffer, filled with zeros. @throws {HerdError} cluster, if there is no memory for it */
  async allocate(planned: PlannedBuffer): Promise<void> {
    const { STORAGE, UNIFORM, COPY_SRC, COPY_DST } = GPUBufferUsage;
    this.gpu.pushErrorScope("out-of-memory");
    const usage = STORAGE | UNIFORM | COPY_SRC | COPY_DST;
    const buffer = this.gpu.createBuffer({ label: planned.name, size: planned.bytes, usage });
    const error = await this.gpu.popErrorScope();
    if (error) {
      const need = `${Math.ceil(planned.bytes / 2 ** 20)} MiB for ${planned.name}`;
      const remedy = "use a smaller --micro-batch or --image-size, or --backend simd";
      throw new HerdError("cluster", `The GPU ${this.adapter} has no memory left (${need}): ${remedy}`);
    }
    this.#buffers.set(planned, buffer);
  }

  /** A buffer of its own for results. */
  async readback(bytes: number): Promise<GPUBuffer> {
    const buffer = await readbackBuffer(this.gpu, bytes);
    this.#readbacks.push(buffer);
    return buffer;
  }

  /** The device's buffer. */
  bufferOf(planned: PlannedBuffer): GPUBuffer {
    const buffer = this.#buffers.get(planned);
    if (!buffer) throw new Error(`The buffer "${planned.name}" has not been made`);
    return buffer;
  }

  /**
   * Compiles a dispatch's kernel, if no other has, and binds its buffers.
   * @throws {HerdError} cluster, with the kernel's name and the driver's words with its line, if it is rejected
   */
  async prepare(dispatch: Dispatch): Promise<void> {
    if (this.#prepared.has(dispatch)) return;
    const { label, code, slices, workgroups } = dispatch;
    this.gpu.pushErrorScope("validation");
    const pipeline = this.#pipelines.get(code) ?? this.#compile(dispatch);
    const entries: GPUBindGroupEntry[] = slices.map(({ buffer, offset, bytes }, binding) => ({
      binding,
      resource: { buffer: this.bufferOf(buffer), offset, size: bytes },
    }));
    if (Object.keys(dispatch.numbers).length > 0) {
      entries.push({ binding: slices.length, resource: { buffer: this.#uniform(label, numbersOf(dispatch)) } });
    }
    const bindings = this.gpu.createBindGroup({ label, layout: pipeline.getBindGroupLayout(0), entries });
    const error = await this.gpu.popErrorScope();
    if (error) {
      throw new HerdError("cluster", `The GPU ${this.adapter} rejects the kernel "${label}": ${error.message.trim()}`);
    }
    this.#pipelines.set(code, pipeline);
    this.#prepared.set(dispatch, { pipeline, bindings, workgroups });
  }

  #uniform(label: string, words: Uint32Array<ArrayBuffer>): GPUBuffer {
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    const buffer = this.gpu.createBuffer({ label: `${label} numbers`, size: words.byteLength, usage });
    this.gpu.queue.writeBuffer(buffer, 0, words);
    this.#uniforms.push(buffer);
    return buffer;
  }

  #compile({ label, code }: Dispatch): GPUComputePipeline {
    const module = this.gpu.createShaderModule({ label, code });
    return this.gpu.createComputePipeline({ label, layout: "auto", compute: { module, entryPoint: "main" } });
  }

  /** Writes to a buffer, before what is submitted next. */
  write(planned: PlannedBuffer, data: Float32Array | Uint8Array | Uint32Array): void {
    this.gpu.queue.writeBuffer(this.bufferOf(planned), 0, data as Float32Array<ArrayBuffer>);
  }

  /** Submits dispatches in their order, and then copies. All must be prepared. */
  submit(dispatches: readonly Dispatch[], copy?: (encoder: GPUCommandEncoder) => void): void {
    const encoder = this.gpu.createCommandEncoder();
    if (dispatches.length > 0) {
      const pass = encoder.beginComputePass();
      for (const dispatch of dispatches) {
        const { pipeline, bindings, workgroups } = this.#prepared.get(dispatch)!;
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, bindings);
        pass.dispatchWorkgroups(...workgroups);
      }
      pass.end();
    }
    copy?.(encoder);
    this.gpu.queue.submit([encoder.finish()]);
  }

  /** Runs one dispatch and reads a buffer of it: for what is asked once. */
  async read(dispatch: Dispatch, planned: PlannedBuffer): Promise<ArrayBuffer> {
    const target = await readbackBuffer(this.gpu, planned.bytes);
    this.submit(
      [dispatch],
      (encoder) => encoder.copyBufferToBuffer(this.bufferOf(planned), 0, target, 0, planned.bytes),
    );
    try {
      return await readBack(target, planned.bytes);
    } finally {
      target.destroy();
    }
  }

  /** Returns when all is done that was submitted. */
  done(): Promise<void> {
    return workDone(this.gpu);
  }

  /**
   * Results as they come, with what WebGPU throws when the device is gone told as that.
   * @throws {DeviceLost} if it is
   */
  async *guard<T>(results: AsyncIterable<T>): AsyncGenerator<T> {
    try {
      yield* results;
    } catch (error) {
      if (error instanceof DOMException) this.#failure ??= this.#lost(error.message, error);
      this.check();
      throw error;
    }
  }

  /**
   * To be called when results have been read: sees to it that nothing went wrong on the way to them.
   * @throws {HerdError} cluster, if the device rejected something, {@linkcode DeviceLost}, if it was lost: its values are never
   * taken for results
   */
  async settle(): Promise<void> {
    // What was found is told by events, which come after this turn.
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.check();
  }

  /** @throws {HerdError} what has failed, if anything has */
  check(): void {
    if (this.#failure) throw this.#failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    await nothingLeft();
    for (const buffer of [...this.#buffers.values(), ...this.#uniforms, ...this.#readbacks]) buffer.destroy();
    this.gpu.destroy();
  }

  /** The first failure is the cause of all others. */
  #fail(what: string): void {
    this.#failure ??= new HerdError("cluster", `The WebGPU device ${this.adapter} ${what}`);
  }

  #lost(why: string, cause?: unknown): DeviceLost {
    return new DeviceLost(`The WebGPU device ${this.adapter} was lost (${why})`, { cause });
  }
}
