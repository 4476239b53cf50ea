import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { MOST_PHASES, PHASES } from "../../../shared/spans.ts";
import { SpanRecorder } from "../../../worker/span_recorder.ts";

Deno.test("SpanRecorder: a leaf's phases are added up and drawn one after the other, within its answer", () => {
  let now = 10;
  const recorder = new SpanRecorder(() => now);
  const pass = (phases: readonly (readonly [typeof PHASES[number], number])[]) => {
    for (const [phase, milliseconds] of phases) {
      recorder.hear(phase);
      now += milliseconds;
    }
    recorder.hear(null);
  };
  recorder.begin();
  now += 1;
  pass([["read", 1], ["augment", 2], ["forward", 3], ["read", 1], ["augment", 2], ["forward", 3], ["backward", 9]]);
  now += 5;
  pass([["read", 1], ["forward", 2]]);
  now += 1;
  assertEquals(recorder.cut(4), {
    made: [10_000, 41_000],
    phases: [
      ["read", 4, 11_000, 13_000],
      ["augment", 4, 13_000, 17_000],
      ["forward", 4, 17_000, 23_000],
      ["backward", 4, 23_000, 32_000],
      ["read", 5, 37_000, 38_000],
      ["forward", 5, 38_000, 40_000],
    ],
  });
  now += 2;
  assertEquals(recorder.cut(6), { made: [41_000, 43_000], phases: [] }, "an engine that cannot tell them apart");
});

Deno.test("SpanRecorder: of more leaves than can be told the first ones are", () => {
  const recorder = new SpanRecorder(() => 0);
  recorder.begin();
  for (let leaf = 0; leaf < 100; leaf++) for (const phase of [...PHASES, null]) recorder.hear(phase);
  const { phases } = recorder.cut(0);
  assertEquals([phases.length, phases.at(-1)], [MOST_PHASES, ["backward", MOST_PHASES / PHASES.length - 1, 0, 0]]);
});

Deno.test("SpanRecorder: an order that was broken off leaves nothing to the next", () => {
  let now = 0;
  const recorder = new SpanRecorder(() => now);
  recorder.begin();
  recorder.hear("read");
  now = 5;
  recorder.begin();
  recorder.hear("forward");
  now = 8;
  recorder.hear(null);
  assertEquals(recorder.cut(0).phases, [["forward", 0, 5000, 8000]]);
});

Deno.test("SpanRecorder: however long phases take, they follow each other within their answer, and there are no more than are taken", () => {
  const leaf = fc.array(fc.tuple(fc.constantFrom(...PHASES), fc.double({ min: 0, max: 50, noNaN: true })), {
    minLength: 1,
  });
  fc.assert(
    fc.property(fc.array(leaf, { maxLength: 60 }), fc.double({ min: 0, max: 1e6, noNaN: true }), (leaves, begin) => {
      let now = begin;
      const recorder = new SpanRecorder(() => now);
      recorder.begin();
      for (const phases of leaves) {
        for (const [phase, milliseconds] of phases) {
          recorder.hear(phase);
          now += milliseconds;
        }
        recorder.hear(null);
      }
      const { made, phases } = recorder.cut(0);
      const times = [made[0], ...phases.flatMap(([, , start, end]) => [start, end]), made[1]];
      assertEquals(times, times.toSorted((a, b) => a - b));
      assert(phases.length <= MOST_PHASES);
    }),
  );
});
