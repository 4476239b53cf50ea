// The gradient of each sample's loss with respect to its logits: σ(z) − y for one class, softmax(z) − onehot(y) for more; 0 for
// samples that only fill the leaf up, so that nothing of theirs enters a sum.
import type { DenseLayer } from "./dense_shape.ts";
import { type Dispatch, dispatch, type Slice } from "./dispatch.ts";
import { SAMPLE_STRUCT, sampleBinding } from "./samples.ts";

/** Reads and writes [images][outputQuads] vec4 of the last layer. */
export function lossGradient(
  { images, outputQuads, shape }: DenseLayer,
  { logits, samples, target, threads }: {
    readonly logits: Slice;
    readonly samples: Slice;
    readonly target: Slice;
    readonly threads: number;
  },
): Dispatch {
  const row = 4 * outputQuads;
  const binary = `  let z = logits[n * ${row}u];
  // In the form that never overflows.
  let e = exp(-abs(z));
  let y = f32(s.label);
  target_values[n * ${row}u] = select(e / (1.0 + e), 1.0 / (1.0 + e), z >= 0.0) * s.weight - y * s.weight;
  for (var c = 1u; c < ${row}u; c++) { target_values[n * ${row}u + c] = 0.0; }`;
  const softmax = `  var greatest = logits[n * ${row}u];
  for (var c = 1u; c < ${shape.units}u; c++) { greatest = max(greatest, logits[n * ${row}u + c]); }
  var sum = 0.0;
  for (var c = 0u; c < ${shape.units}u; c++) { sum += exp(logits[n * ${row}u + c] - greatest); }
  for (var c = 0u; c < ${row}u; c++) {
    let p = exp(logits[n * ${row}u + c] - greatest) / sum;
    let g = (p - select(0.0, 1.0, c == s.label)) * s.weight;
    target_values[n * ${row}u + c] = select(0.0, g, c < ${shape.units}u);
  }`;
  return dispatch("loss gradient", {
    bindings: [
      { name: "logits", type: "array<f32>", access: "read", at: logits },
      sampleBinding(images, samples),
      { name: "target_values", type: "array<f32>", access: "read_write", at: target },
    ],
    threads,
    workgroups: [Math.ceil(images / threads), 1, 1],
    functions: SAMPLE_STRUCT,
    body: `  let n = id.x;
  if (n >= ${images}u) { return; }
  let s = samples[n];
${shape.units === 1 ? binary : softmax}`,
  });
}
