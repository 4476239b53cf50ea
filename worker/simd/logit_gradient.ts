// The gradient of one sample's loss with respect to its logits, in float64, rounded when it is stored.

/**
 * Writes σ(z) − y for one class, softmax(z) − onehot(y) for more, times the sample's weight.
 * @param logits the sample's logits
 * @param label its class: 0 or 1 where there is one logit
 * @param gradient as long as the logits; written in place
 */
export function writeLogitGradient(logits: Float32Array, label: number, gradient: Float32Array, weight = 1): void {
  if (logits.length === 1) {
    gradient[0] = (1 / (1 + Math.exp(-logits[0]!)) - label) * weight;
    return;
  }
  const greatest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = Array.from(logits, (logit) => Math.exp(logit - greatest));
  const sum = powers.reduce((a, b) => a + b, 0);
  powers.forEach((power, i) => gradient[i] = (power / sum - (i === label ? 1 : 0)) * weight);
}
