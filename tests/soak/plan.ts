// When which fault happens in a soak: a pure function of the seed.
import { threefry } from "../../shared/threefry.ts";

/** What a soak does to workers. */
export const SOAK_FAULTS = ["kill", "stall", "nan", "join"] as const;
export type SoakFault = (typeof SOAK_FAULTS)[number];

/** A fault at some second of the run. */
export interface Planned {
  readonly kind: SoakFault;
  /** Seconds since the first step. */
  readonly at: number;
  /** From 0 up to 1: which worker it meets. */
  readonly victim: number;
  /** From 0 up to 1: for how long, where it takes time. */
  readonly length: number;
}

/** One fault of each kind in every period of `every` seconds, at a random instant, in order of time. */
export function planFaults(
  { kinds, seconds, every, seed }: {
    readonly kinds: readonly SoakFault[];
    readonly seconds: number;
    readonly every: number;
    readonly seed: number;
  },
): Planned[] {
  const periods = Math.ceil(seconds / every);
  const plan = kinds.flatMap((kind) => {
    const kindNumber = SOAK_FAULTS.indexOf(kind);
    return Array.from({ length: periods }, (_, period) => {
      const [when, victim] = threefry(seed, kindNumber, period, 0);
      const [length] = threefry(seed, kindNumber, period, 1);
      return { kind, at: every * (period + unit(when)), victim: unit(victim), length: unit(length) };
    });
  });
  return plan.filter(({ at }) => at < seconds).sort((a, b) => a.at - b.at);
}

function unit(word: number): number {
  return (word >>> 0) / 2 ** 32;
}
