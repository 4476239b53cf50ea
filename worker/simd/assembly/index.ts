// deno-fmt-ignore-file: it would drop the decorators of AssemblyScript
// What the TypeScript side calls, and the bench. Pointers are byte offsets into the imported memory, which plan.ts lays out;
// kernels allocate nothing.
export { convolve } from "./convolve.ts";
export { convolveBackward } from "./convolve_backward.ts";
export { convolveWinograd } from "./convolve_winograd.ts";
export {
  denseInputGradient,
  denseWeightGradient,
  dropValues,
  flatten,
  rectify,
  rectifyGradient,
  unflatten,
} from "./dense.ts";
export { resample, scaleBytes } from "./image.ts";
export { listGradients } from "./lists.ts";
export { multiply } from "./multiply.ts";
export { packConvolution, packPanels, packTransposed, unpackSums } from "./pack.ts";
export { chains } from "./peak.ts";
export { draw } from "./random.ts";
export { spreadRows12, spreadRows6, sumImageWindows, sumRows12, sumRows6 } from "./sparse.ts";
export { addInto, sumRows } from "./sums.ts";
export { transformWeights } from "./winograd.ts";
