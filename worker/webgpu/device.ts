// One GPU device: opened with all that its adapter allows, with every error caught and told, and with what is made on it only once:
// buffers, pipelines and bind groups.
import { HerdError } from "../../shared/errors.ts";
import { DeviceLost } from "../device_lost.ts";
import { describeAdapter, findAdapter, isSoftware, WEBGPU_REMEDY } from "./adapter.ts";
import {
  deviceBytes,
  type Dispatch,
  MIRROR_WIDTH,
  numbersOf,
  type PlannedBuffer,
  rowBytes,
  type Slice,
} from "./kernels/dispatch.ts";
import type { Limits } from "./fit.ts";
import { nothingLeft, readBack, readbackBuffer, workDone } from "./waiting.ts";

const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxTextureDimension2D",
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
  /** What it reads through mirrors. */
  readonly reads: readonly PlannedBuffer[];
  /** What it writes that has a mirror. */
  readonly writes: readonly PlannedBuffer[];
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
  readonly #mirrors = new Map<PlannedBuffer, GPUTexture>();
  /** Buffers that have been written since their mirrors were. */
  readonly #stale = new Set<PlannedBuffer>();
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
    const mirror = this.#mirror(planned);
    const error = await this.gpu.popErrorScope();
    if (error) {
      const need = `${Math.ceil(deviceBytes(planned) / 2 ** 20)} MiB for ${planned.name}`;
      const remedy = "use a smaller --micro-batch or --image-size, or --backend simd";
      throw new HerdError("cluster", `The GPU ${this.adapter} has no memory left (${need}): ${remedy}`);
    }
    this.#buffers.set(planned, buffer);
    if (mirror) this.#mirrors.set(planned, mirror);
  }

  #mirror({ name, bytes, mirror }: PlannedBuffer): GPUTexture | undefined {
    if (mirror === undefined) return undefined;
    const usage = GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.COPY_DST;
    return this.gpu.createTexture({
      label: name,
      size: [MIRROR_WIDTH, bytes / rowBytes(mirror)],
      format: mirror,
      usage,
    });
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
    const { label, code, slices, written, workgroups } = dispatch;
    this.gpu.pushErrorScope("validation");
    const pipeline = this.#pipelines.get(code) ?? this.#compile(dispatch);
    const entries = slices.map((slice, binding): GPUBindGroupEntry => ({ binding, resource: this.#resource(slice) }));
    if (Object.keys(dispatch.numbers).length > 0) {
      entries.push({ binding: slices.length, resource: { buffer: this.#uniform(label, numbersOf(dispatch)) } });
    }
    const bindings = this.gpu.createBindGroup({ label, layout: pipeline.getBindGroupLayout(0), entries });
    const error = await this.gpu.popErrorScope();
    if (error) {
      throw new HerdError("cluster", `The GPU ${this.adapter} rejects the kernel "${label}": ${error.message.trim()}`);
    }
    this.#pipelines.set(code, pipeline);
    const reads = slices.filter(({ isTexture }) => isTexture).map(({ buffer }) => buffer);
    const writes = written.map((binding) => slices[binding]!.buffer).filter(({ mirror }) => mirror !== undefined);
    this.#prepared.set(dispatch, { pipeline, bindings, workgroups, reads, writes });
  }

  #resource({ buffer, offset, bytes, isTexture = false }: Slice): GPUBindingResource {
    return isTexture ? this.#mirrors.get(buffer)!.createView() : { buffer: this.bufferOf(buffer), offset, size: bytes };
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
    if (planned.mirror !== undefined) this.#stale.add(planned);
  }

  /** Submits dispatches in their order, and then copies. All must be prepared. */
  submit(dispatches: readonly Dispatch[], copy?: (encoder: GPUCommandEncoder) => void): void {
    const encoder = this.gpu.createCommandEncoder();
    let pass: GPUComputePassEncoder | undefined;
    for (const dispatch of dispatches) {
      const { pipeline, bindings, workgroups, reads, writes } = this.#prepared.get(dispatch)!;
      for (const buffer of reads.filter((buffer) => this.#stale.delete(buffer))) {
        pass?.end();
        pass = undefined;
        this.#refresh(encoder, buffer);
      }
      pass ??= encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindings);
      pass.dispatchWorkgroups(...workgroups);
      for (const buffer of writes) this.#stale.add(buffer);
    }
    pass?.end();
    copy?.(encoder);
    this.gpu.queue.submit([encoder.finish()]);
  }

  /** Makes a mirror like its buffer. */
  #refresh(encoder: GPUCommandEncoder, planned: PlannedBuffer): void {
    const bytesPerRow = rowBytes(planned.mirror!);
    const source = { buffer: this.bufferOf(planned), bytesPerRow };
    const size = [MIRROR_WIDTH, planned.bytes / bytesPerRow];
    encoder.copyBufferToTexture(source, { texture: this.#mirrors.get(planned)! }, size);
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
    const made = [...this.#buffers.values(), ...this.#mirrors.values(), ...this.#uniforms, ...this.#readbacks];
    for (const one of made) one.destroy();
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
