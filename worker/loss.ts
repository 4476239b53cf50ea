// The loss of one sample from its logits. Computed on the host in float64 and rounded once, so that it costs no kernel and
// is the same for every engine that has the same logits.

/**
 * The cross entropy of each sample: binary in its logits form, max(z, 0) − z·y + log1p(exp(−|z|)), for one class; softmax
 * for more.
 * @param logits float32, `classes` a sample
 * @param labels class index of each sample: 0 or 1 where `classes` is 1
 * @param weights by class, what a loss is multiplied by; none for a test
 * @returns one float32 a sample
 */
export function lossesOf(
  logits: Float32Array,
  labels: readonly number[],
  classes: number,
  weights?: readonly number[],
): Float32Array {
  return Float32Array.from(labels, (label, sample) => {
    const z = logits.subarray(sample * classes, (sample + 1) * classes);
    const loss = classes === 1 ? binaryCrossEntropy(z[0]!, label) : softmaxCrossEntropy(z, label);
    return weights === undefined ? loss : loss * weights[label]!;
  });
}

function binaryCrossEntropy(logit: number, label: number): number {
  return Math.max(logit, 0) - logit * label + Math.log1p(Math.exp(-Math.abs(logit)));
}

function softmaxCrossEntropy(logits: Float32Array, label: number): number {
  const greatest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - greatest), 0);
  return Math.log(sum) + greatest - logits[label]!;
}
