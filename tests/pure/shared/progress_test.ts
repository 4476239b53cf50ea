import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { leastBytes, leastProgress, Progress, PROGRESS_LIMITS, whileMoving } from "../../../shared/progress.ts";

const LIMITS = { lookMs: 1, looks: 12, bytesPerLook: 100 };

/** How many looks find enough, if the n-th finds `gains(n)` bytes more; Infinity if a thousand do. */
function looksUntilStalled(gains: (look: number) => number): number {
  let bytes = 7;
  const progress = new Progress(bytes, LIMITS);
  for (let look = 1; look <= 1000; look++) if (progress.hasStalled(bytes += gains(look))) return look;
  return Infinity;
}

Deno.test("Progress: what stands still has stalled after so many looks, what moves at the least rate never", () => {
  assertEquals(looksUntilStalled(() => 0), 12);
  assertEquals(looksUntilStalled(() => 100), Infinity);
  assertEquals(looksUntilStalled(() => 75), 48);
  assertEquals(looksUntilStalled(() => 50), 24);
});

Deno.test("Progress: however much has moved, a later standstill gets no more than the first, and no less after enough", () => {
  assertEquals(looksUntilStalled((look) => look <= 10 ? 1e9 : 0), 22);
  // Told every third look, as pings are, at just the least rate.
  assertEquals(looksUntilStalled((look) => look % 3 === 0 ? 300 : 0), Infinity);
  assertEquals(looksUntilStalled((look) => look % 3 === 0 && look <= 30 ? 300 : 0), 42);
});

Deno.test("Progress: in whatever portions it comes, the average decides", () => {
  const gains = fc.array(fc.nat(400), { minLength: 1, maxLength: 200 });
  fc.assert(fc.property(gains, (gains) => {
    const stalled = looksUntilStalled((look) => gains[look - 1] ?? 100);
    const end = Math.min(stalled, gains.length);
    // Somewhere before it stalled a run of looks must have had too little on average: all of 12 looks and more.
    const tooLittle = Array.from({ length: end }, (_, from) => {
      const run = gains.slice(from, end);
      return run.length * 100 - run.reduce((sum, gain) => sum + gain, 0) >= 12 * 100;
    });
    assertEquals(stalled <= gains.length, tooLittle.includes(true));
  }));
});

Deno.test("the limits in use: 60 s for what stands still, as ever, and 16 kB/s", () => {
  assertEquals(PROGRESS_LIMITS.looks * PROGRESS_LIMITS.lookMs, 60_000);
  assertEquals([leastProgress(), leastBytes(60_000)], ["16 kB/s for 60 s", 960_000]);
});

Deno.test("whileMoving() waits as long as something moves, and no longer", async () => {
  const late = () => new Error("late");
  let bytes = 0;
  const { promise, resolve } = Promise.withResolvers<string>();
  const moving = () => {
    bytes += 100;
    if (bytes === 5_000) resolve("there");
    return bytes;
  };
  assertEquals(await whileMoving(promise, { bytes: moving, late, limits: LIMITS }), "there");
  assertEquals(bytes, 5_000, "it has looked many more times than a standstill gets");
  let looks = 0;
  const creeping = () => ++looks * 10;
  const never = new Promise<string>(() => {});
  await assertRejects(() => whileMoving(never, { bytes: creeping, late, limits: LIMITS }), Error, "late");
  assert(looks < 20, `${looks}`);
  await assertRejects(() => whileMoving(Promise.reject(new Error("gone")), { bytes: moving, late }), Error, "gone");
});
