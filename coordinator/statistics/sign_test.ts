// The exact sign test.

/**
 * Two-sided p of so many wins and losses where each is as likely as the other: twice the chance of the rarer side's
 * count or fewer, at most 1. Ties are left out before. Five pairs never give less than 0.0625, six can give 0.03125.
 */
export function signTest(wins: number, losses: number): number {
  const n = wins + losses;
  // Sums of binomial coefficients, halved as they grow, in all n times.
  let halvings = n;
  let term = 1;
  let sum = 1;
  for (let k = 1; k <= Math.min(wins, losses); k++) {
    term *= (n - k + 1) / k;
    sum += term;
    while (sum > 1 && halvings > 0) {
      term /= 2;
      sum /= 2;
      halvings--;
    }
  }
  while (halvings-- > 0 && sum > 0) sum /= 2;
  return Math.min(1, 2 * sum);
}
