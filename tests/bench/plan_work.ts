// What the dispatches of a plan do, in operations and bytes. Operations are those of the plain dense algorithm, whatever a kernel saves.
import { bandsOf, filterVectors } from "../../worker/webgpu/kernels/conv_filter_gradient.ts";
import { densePartialBytes } from "../../worker/webgpu/kernels/dense_forward.ts";
import type { Dispatch } from "../../worker/webgpu/kernels/dispatch.ts";
import type { Plan } from "../../worker/webgpu/plan.ts";
import type { Work } from "./roofline.ts";

/** Operations of a pass by label of its dispatches; labels that are missing do none to speak of. */
export function denseOperations({ convs, denses, images }: Plan): ReadonlyMap<string, number> {
  const operations = new Map<string, number>();
  for (const { block: { name, shape }, backward } of convs) {
    const product = 2 * 9 * images * shape.inputChannels * shape.filters * shape.convSize ** 2;
    operations.set(`${name} forward`, product);
    operations.set(`${name} filter gradient`, product);
    if (backward) operations.set(`${name} input gradient`, product);
  }
  for (const { layer: { name, shape } } of denses) {
    const product = 2 * images * shape.inputs * shape.units;
    for (const pass of ["forward", "weight gradient", "input gradient"]) operations.set(`${name} ${pass}`, product);
  }
  return operations;
}

/** Dispatches of one pass or more, as work. Those of the same label share its operations. */
export function workOf(plan: Plan, dispatches: readonly Dispatch[]): Work[] {
  const operations = denseOperations(plan);
  const partials = partialBytes(plan);
  const counts = new Map<string, number>();
  for (const { label } of dispatches) counts.set(label, (counts.get(label) ?? 0) + 1);
  return dispatches.map((dispatch) => {
    const { label, written } = dispatch;
    const together = counts.get(label)!;
    const bytes = dispatch.slices.reduce((sum, { buffer, bytes }, binding) => {
      // One buffer serves all partial sums: no pass goes through the whole of it.
      const used = buffer.name === "partial sums" ? Math.min(bytes, partials.get(label) ?? bytes) : bytes;
      // Groups of channels read the same inputs, and each writes its part.
      return sum + (written.includes(binding) ? used / together : used);
    }, 0);
    return { label, operations: (operations.get(label) ?? 0) / together, bytes };
  });
}

/** Bytes of partial sums by the labels of the passes that write or read them. */
function partialBytes({ convs, denses, images }: Plan): ReadonlyMap<string, number> {
  const bytes = new Map<string, number>();
  const both = (label: string, value: number) => {
    bytes.set(label, value);
    bytes.set(`${label} sum`, value);
  };
  for (const { block, filterTile } of convs) {
    both(`${block.name} filter gradient`, 16 * images * bandsOf(block, filterTile.bandRows) * filterVectors(block));
    both(`${block.name} bias gradient`, 16 * images * block.pooled * block.quads);
  }
  for (const { layer, tile } of denses) both(`${layer.name} forward`, densePartialBytes(layer, tile));
  return bytes;
}
