// What the TF.js engine needs to know of the backend that it runs on.

/** A TF.js backend, ready to compute. */
export interface TfjsDevice {
  /** The engine's name. */
  readonly name: "tfjs-webgpu" | "tfjs-cpu";
  /** The device in words. */
  readonly adapter: string;
  /** What the bits depend on besides the adapter. */
  readonly kernels: string;
  /** Whether float32 sums on the device are those of IEEE 754, subnormals included: only then may it add leaf sums. */
  readonly addsExactly: boolean;
  /**
   * Runs work with this backend as TF.js' current one.
   * @throws {HerdError} cluster, if the device rejected something, {@linkcode DeviceLost}, if it was lost: its values are never
   * taken for results
   */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Starts what is queued; resolves when it is done. Never rejects. */
  flush(): Promise<void>;
  /** Bits of a few operations in which devices differ: fused multiply-add and subnormal numbers. Called inside run(). */
  probeArithmetic(): Promise<string>;
  /** Gives the device back; the last owner's call destroys it. */
  release(): Promise<void>;
}
