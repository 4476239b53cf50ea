// What a sample's logits say of its class, wherever it is asked: one logit tells two classes apart, more have one each.

/** The class a sample's logits name: p > 0.5, strictly, for one logit; else the first largest. */
export function predictedClass(logits: Float32Array): number {
  if (logits.length === 1) return logits[0]! > 0 ? 1 : 0;
  return logits.indexOf(Math.max(...logits));
}

/** The probability of each class, in float64: by the logistic function from one logit, else by softmax. */
export function probabilitiesOf(logits: Float32Array): number[] {
  if (logits.length === 1) {
    const [z] = logits as unknown as [number];
    return [1 / (1 + Math.exp(z)), 1 / (1 + Math.exp(-z))];
  }
  const greatest = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp(logit - greatest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}
