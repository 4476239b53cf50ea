import { assert, assertEquals } from "@std/assert";
import { planFaults, SOAK_FAULTS } from "../soak/plan.ts";

Deno.test("planFaults() puts every kind once in every period, in order of time, the same for the same seed", () => {
  const plan = (seed: number) => planFaults({ kinds: SOAK_FAULTS, seconds: 600, every: 60, seed });
  const first = plan(1);
  assertEquals(first, plan(1));
  assert(JSON.stringify(first) !== JSON.stringify(plan(2)));
  assertEquals(first.map(({ at }) => at), first.map(({ at }) => at).sort((a, b) => a - b));
  for (const kind of SOAK_FAULTS) {
    const periods = first.filter((one) => one.kind === kind).map(({ at }) => Math.floor(at / 60));
    assertEquals(periods, Array.from({ length: 10 }, (_, i) => i));
  }
});
