// What the TF.js engine needs to know of the backend that it runs on.

/** A TF.js backend, ready to compute. */
export interface TfjsDevice {
  /** The engine's name, which is also TF.js' name of the backend. */
  readonly name: "webgpu" | "cpu";
  /** The device in words. */
  readonly adapter: string;
  /** What the bits depend on besides the adapter. */
  readonly kernels: string;
  /** Whether float32 sums on the device are those of IEEE 754, subnormals included: only then may it add leaf sums. */
  readonly addsExactly: boolean;
  /** @throws {HerdError} cluster, if the device is lost or has rejected something since it was made */
  assertWorking(): void;
  /** Starts what is queued; resolves when it is done. */
  flush(): Promise<void>;
  /** Bits of a few operations in which devices differ: fused multiply-add and subnormal numbers. */
  probeArithmetic(): Promise<string>;
  /** Gives the device back; the last owner's call destroys it. */
  release(): Promise<void>;
}
