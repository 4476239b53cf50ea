import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { compensate } from "../../../coordinator/experiment/error_feedback.ts";
import { decodeHalf, encodeHalf, type Half, SCALE_EXPONENTS, scaleExponent } from "../../../shared/half.ts";

const HALVES: readonly Half[] = ["fp16", "bf16"];
const EXPONENT_BITS = { fp16: 5, bf16: 8 } as const;

/** What a bit pattern means, by the definition of IEEE 754: sign, exponent, significand. */
function valueOf(bits: number, half: Half): number {
  const fraction = 15 - EXPONENT_BITS[half];
  const bias = 2 ** (EXPONENT_BITS[half] - 1) - 1;
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits & 0x7fff) >>> fraction;
  const significand = (bits & (2 ** fraction - 1)) / 2 ** fraction;
  if (exponent === 2 * bias + 1) return significand === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? significand * 2 ** (1 - bias) : (1 + significand) * 2 ** (exponent - bias));
}

/** The nearest pattern by search: of two as near the even one, where infinity stands at the next power of two. */
function nearestTo(value: number, half: Half): number {
  if (Number.isNaN(value)) return NaN;
  const infinity = 2 ** (15 - EXPONENT_BITS[half]) * (2 ** EXPONENT_BITS[half] - 1);
  const place = (bits: number) => bits === infinity ? 2 ** 2 ** (EXPONENT_BITS[half] - 1) : valueOf(bits, half);
  const magnitude = Math.abs(value);
  let [low, high] = [0, infinity];
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (place(middle) <= magnitude) low = middle;
    else high = middle;
  }
  const [below, above] = [magnitude - place(low), place(high) - magnitude];
  const nearest = below < above || (below === above && low % 2 === 0) ? low : high;
  return nearest | (Object.is(Math.sign(value), -1) || Object.is(value, -0) ? 0x8000 : 0);
}

const round = (values: Float32Array, half: Half) => decodeHalf(encodeHalf(values, half), half);
const float32 = fc.float();
const ALL_BITS = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i);

for (const half of HALVES) {
  Deno.test(`${half}: all 65,536 patterns mean what IEEE 754 says, and come back as they were`, () => {
    const values = decodeHalf(ALL_BITS, half);
    const again = encodeHalf(values, half);
    for (const bits of ALL_BITS) {
      const value = valueOf(bits, half);
      assert(Object.is(values[bits], value), `${bits}: ${values[bits]} instead of ${value}`);
      if (!Number.isNaN(value)) assertEquals(again[bits], bits);
      else assert(Number.isNaN(valueOf(again[bits]!, half)), `${bits} is no longer NaN`);
    }
  });

  Deno.test(`${half}: a float32 goes to the nearest value, half way to the even one`, () => {
    // Any float32, those within the format's range, and those half way between two of its values or next to it.
    const within = fc.tuple(fc.nat({ max: 0x7bff }), fc.constantFrom(-1, 0, 1), fc.boolean()).map(
      ([bits, off, minus]) => {
        const middle = Float32Array.of((valueOf(bits, half) + valueOf(bits + 1, half)) / 2);
        new Uint32Array(middle.buffer)[0]! += off;
        return minus ? -middle[0]! : middle[0]!;
      },
    );
    fc.assert(
      fc.property(fc.oneof(float32, fc.float({ min: -7e4, max: 7e4 }), within), (value) => {
        const [bits] = encodeHalf(Float32Array.of(value), half);
        if (Number.isNaN(value)) assert(Number.isNaN(valueOf(bits!, half)));
        else assertEquals(bits, nearestTo(value, half), `${value}`);
      }),
      { seed: 1, numRuns: 20_000 },
    );
  });

  Deno.test(`${half}: compensate() sends values of the format and loses nothing`, () => {
    const arrays = fc.array(
      fc.tuple(fc.float({ min: -1e3, max: 1e3, noNaN: true }), fc.float({ min: -1, max: 1, noNaN: true })),
    );
    fc.assert(
      fc.property(arrays, (pairs) => {
        const weights = Float32Array.from(pairs, ([weight]) => weight);
        const before = Float32Array.from(pairs, ([, residual]) => residual);
        const { sent, residual } = compensate(weights, before, half);
        assertEquals(round(sent, half), sent);
        for (const [i, value] of sent.entries()) {
          assertEquals(value + residual[i]!, Math.fround(weights[i]! + before[i]!)); // the left side is exact in float64
        }
      }),
      { seed: 2 },
    );
  });

  Deno.test(`${half}: with error feedback the messages' mean is the weight, and small changes arrive`, () => {
    const mean = (weightAt: (step: number) => number, steps: number) => {
      let residual = new Float32Array(1);
      let sum = 0;
      for (let step = 0; step < steps; step++) {
        const message = compensate(Float32Array.of(weightAt(step)), residual, half);
        residual = Float32Array.from(message.residual);
        sum += message.sent[0]!;
      }
      return sum / steps;
    };
    const unit = half === "fp16" ? 2 ** -11 : 2 ** -8; // half the distance of values from 1 to 2
    assert(Math.abs(mean(() => 1 + 0.3 * unit, 1000) - (1 + 0.3 * unit)) < unit / 900);
    // Each step changes the weight by a hundredth of what rounding would see.
    const drifting = (step: number) => 1 + step * unit / 100;
    assert(Math.abs(mean(drifting, 1000) - (1 + 999 / 2 * unit / 100)) < unit / 900);
  });
}

Deno.test("specials: zeros keep their sign, what is too large becomes an infinity", () => {
  const values = Float32Array.of(0, -0, 65504, 65519, 65520, -65520, Infinity, -Infinity, NaN, 2 ** -24, 2 ** -25);
  assertEquals([...round(values, "fp16")], [
    0,
    -0,
    65504,
    65504,
    Infinity,
    -Infinity,
    Infinity,
    -Infinity,
    NaN,
    2 ** -24,
    0,
  ]);
  const large = Float32Array.of(3.3895313892515355e38, 3.4028234663852886e38);
  assertEquals([...round(large, "bf16")], [3.3895313892515355e38, Infinity]);
});

Deno.test("scaleExponent() brings the largest to 2^14 to 2^15: an fp16's error is 2^-11 of a value or 2^-39 of the largest", () => {
  const arrays = fc.float32Array({ minLength: 1, maxLength: 20, noNaN: true, max: 2 ** 120, min: -(2 ** 120) });
  fc.assert(
    fc.property(arrays, (values) => {
      const exponent = scaleExponent(values);
      assert(exponent >= SCALE_EXPONENTS.least && exponent <= SCALE_EXPONENTS.most);
      const largest = Math.max(...values.map(Math.abs));
      if (largest >= 2 ** -112) assert(largest * 2 ** exponent >= 2 ** 14 && largest * 2 ** exponent < 2 ** 15);
      const decoded = decodeHalf(encodeHalf(values, "fp16", exponent), "fp16", exponent);
      for (const [i, value] of values.entries()) {
        const bound = Math.max(Math.abs(value) * 2 ** -11, largest * 2 ** -39, 2 ** -149, 2 ** (-25 - exponent));
        assert(Math.abs(decoded[i]! - value) <= bound, `${value} became ${decoded[i]}`);
      }
    }),
    { seed: 3, numRuns: 2_000 },
  );
  assertEquals(["0", "NaN", "Infinity"].map((value) => scaleExponent(Float32Array.of(1, Number(value)))), [14, 0, 0]);
  assertEquals(scaleExponent(new Float32Array(3)), 0);
});
