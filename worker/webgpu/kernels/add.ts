// left += right: the addition of the reduction tree, on the device.
import { type Dispatch, dispatch, type Slice } from "./dispatch.ts";

/** Adds `vectors` vec4. */
export function addInto(left: Slice, right: Slice, vectors: number, threads: number): Dispatch {
  // One dimension of workgroups may not be enough for a large network.
  const across = Math.min(Math.ceil(vectors / threads), 32768);
  return dispatch("leaf sum", {
    bindings: [
      { name: "left", type: "array<vec4<f32>>", access: "read_write", at: left },
      { name: "right", type: "array<vec4<f32>>", access: "read", at: right },
    ],
    threads,
    workgroups: [across, Math.ceil(vectors / threads / across), 1],
    body: `  let i = id.y * ${across * threads}u + id.x;
  if (i < ${vectors}u) { left[i] += right[i]; }`,
  });
}
