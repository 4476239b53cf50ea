// What a thread computes, and from where: the part of a kernel that may be tuned. A tile changes no bits where the driver does not
// fuse or reorder: every sum runs over (vector of channels, tap, channel) in this order, whatever the tile.

/** Where a kernel reads weights from. */
export type WeightSource = "storage" | "texture";

/** Of a convolution's forward pass or input gradient: `width` × `height` windows (or 2×2 input pixels) of `outputs` channels. */
export interface ConvTile {
  readonly width: number;
  readonly height: number;
  /** A multiple of 4 that divides the padded channels. */
  readonly outputs: number;
  /** Of a workgroup. */
  readonly threads: number;
  /**
   * loop: vector of channels by vector of channels.
   * straight: no loop at all, four channels after the other; for the image's three channels.
   * staged: inputs and weights go through workgroup memory, a square of windows a workgroup.
   */
  readonly form: "loop" | "straight" | "staged";
  /** Where a loop reads weights from. */
  readonly weights: WeightSource;
}

/** Of a filter gradient: 9 taps × `inputs` × `outputs` sums over `bandRows` rows of windows of one image. */
export interface FilterTile {
  /** Input channels: a vector of 4, or 1. */
  readonly inputs: 1 | 4;
  /** A multiple of 4 that divides the padded filters. */
  readonly outputs: number;
  /** Rows of windows that one thread adds up: part of the order of sums, so it is never tuned. */
  readonly bandRows: number;
  readonly threads: number;
}
