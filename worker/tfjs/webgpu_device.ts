// The process's one GPU device as a TF.js backend: made by us rather than by TF.js, for its limits and its errors, and
// shared by all engines of the process, since TF.js can have only one.
import * as tf from "@tensorflow/tfjs";
import { webgpu_util, WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import { HerdError, messageOf } from "../../shared/errors.ts";
import { describeAdapter, findAdapter, WEBGPU_REMEDY } from "../webgpu/adapter.ts";
import { DeviceLost } from "../device_lost.ts";
import type { TfjsDevice } from "./device.ts";
import { addsExactly, probeArithmetic } from "./webgpu_arithmetic.ts";
import { registerMaxPool } from "./webgpu_max_pool.ts";

const SCOPES = ["validation", "out-of-memory", "internal"] as const;
const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupsPerDimension",
] as const;

let shared: Promise<WebgpuDevice> | undefined;
let owners = 0;

/**
 * The process's device; the first caller opens it, and the last release() destroys it.
 * @throws {HerdError} cluster, if there is no adapter or it gives no device
 */
export async function acquireDevice(): Promise<WebgpuDevice> {
  owners++;
  shared ??= WebgpuDevice.open();
  try {
    return await shared;
  } catch (error) {
    if (--owners === 0) shared = undefined;
    throw error;
  }
}

/** A GPU device with its TF.js backend. */
export class WebgpuDevice implements TfjsDevice {
  readonly name = "tfjs-webgpu";
  readonly kernels = `tfjs-webgpu-${tf.version.tfjs} herd-pool-1 matmul-packed`;
  readonly adapter: string;
  /** The GPU device, for tests that break it. */
  readonly gpu: GPUDevice;
  readonly #backend: WebGPUBackend;
  #addsExactly = false;
  #failure: HerdError | undefined;
  #closing = false;

  private constructor(adapter: GPUAdapter, gpu: GPUDevice) {
    this.adapter = describeAdapter(adapter);
    this.gpu = gpu;
    this.#backend = new WebGPUBackend(gpu, adapter.info);
    gpu.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      this.#fail(`rejected an operation (${(event as GPUUncapturedErrorEvent).error.message.trim()})`);
    });
    gpu.lost.then((info) => {
      // Whatever failed before it was known, this is why.
      const text = `The WebGPU device ${this.adapter} was lost (${info.message || info.reason})`;
      if (!this.#closing) this.#failure = new DeviceLost(text);
    });
  }

  static async open(): Promise<WebgpuDevice> {
    const adapter = await findAdapter();
    if (!adapter) throw new HerdError("cluster", `There is no WebGPU adapter here: ${WEBGPU_REMEDY}`);
    const requiredFeatures = (["timestamp-query"] as const).filter((feature) => adapter.features.has(feature));
    const requiredLimits = Object.fromEntries(LIMITS.map((limit) => [limit, adapter.limits[limit]]));
    const gpu = await adapter.requestDevice({ requiredFeatures, requiredLimits });
    const device = new WebgpuDevice(adapter, gpu);
    device.#register();
    device.#addsExactly = await device.run(addsExactly);
    return device;
  }

  get addsExactly(): boolean {
    return this.#addsExactly;
  }

  /** Puts our backend in the place of the one that importing TF.js' registers. */
  #register(): void {
    tf.enableProdMode();
    if (tf.findBackendFactory("webgpu")) tf.removeBackend("webgpu");
    tf.registerBackend("webgpu", () => this.#backend, 3);
    registerMaxPool();
    // Small tensors take the same kernels as large ones.
    tf.env().set("WEBGPU_CPU_FORWARD", false);
    // Left to itself TF.js splits long inner products over workgroups that add with atomics, in any order.
    tf.env().set("WEBGPU_MATMUL_PROGRAM_TYPE", webgpu_util.MatMulProgramType.MatMulPackedProgram);
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#failure) throw this.#failure;
    await tf.setBackend("webgpu");
    for (const scope of SCOPES) this.gpu.pushErrorScope(scope);
    try {
      return await work();
    } catch (error) {
      if (error instanceof DOMException) this.#fail(`failed (${messageOf(error)})`, error);
      throw error;
    } finally {
      for (const _scope of SCOPES) {
        const error = await this.gpu.popErrorScope().catch(() => null);
        if (error) this.#fail(`rejected an operation (${error.message.trim()})`);
      }
      // What follows from a loss may come before the news of it.
      if (this.#failure) await new Promise((resolve) => setTimeout(resolve, 0));
      // deno-lint-ignore no-unsafe-finally -- values and errors of a failed device mean nothing
      if (this.#failure) throw this.#failure;
    }
  }

  flush(): Promise<void> {
    this.#backend.ensureCommandEncoderReady();
    this.#backend.endComputePassEncoder();
    this.#backend.submitQueue();
    return this.gpu.queue.onSubmittedWorkDone().catch(() => {});
  }

  probeArithmetic(): Promise<string> {
    return probeArithmetic();
  }

  release(): Promise<void> {
    if (--owners > 0) return Promise.resolve();
    shared = undefined;
    this.#closing = true;
    tf.removeBackend("webgpu");
    this.gpu.destroy();
    return Promise.resolve();
  }

  /** The first failure is the cause of all others. */
  #fail(what: string, cause?: unknown): void {
    this.#failure ??= new HerdError(
      "cluster",
      `The WebGPU device ${this.adapter} ${what}: restart the worker, or use another --backend`,
      { cause },
    );
  }
}
