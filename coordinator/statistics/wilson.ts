// An interval of a share that was counted, good for few cases too, and for shares near 0 and 1.
import { type Interval, Z_975 } from "./interval.ts";

/**
 * Wilson's 95 % score interval of a proportion (E. B. Wilson, "Probable inference, the law of succession, and statistical
 * inference", J. Am. Stat. Assoc. 22, 1927), without continuity correction; within 0 and 1.
 * @param successes from 0 to `trials`
 * @param trials at least 1
 * @throws {RangeError} for other counts
 */
export function wilsonInterval(successes: number, trials: number): Interval {
  if (!(trials >= 1 && successes >= 0 && successes <= trials)) {
    throw new RangeError(`Cannot make an interval of ${successes} in ${trials}`);
  }
  const share = successes / trials;
  const z2 = Z_975 * Z_975;
  const middle = (share + z2 / (2 * trials)) / (1 + z2 / trials);
  const half = Z_975 * Math.sqrt(share * (1 - share) / trials + z2 / (4 * trials * trials)) / (1 + z2 / trials);
  // The ends are these exactly where nothing, or everything, is a success.
  return [successes === 0 ? 0 : middle - half, successes === trials ? 1 : middle + half];
}
