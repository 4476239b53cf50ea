import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { placeSpans } from "../../../coordinator/cluster/place_spans.ts";
import { type AnswerSpans, PHASES, type PhaseSpan } from "../../../shared/spans.ts";

const NOTHING = { made: -Infinity, sent: -Infinity };
const ANSWER: AnswerSpans = {
  made: [100, 200],
  phases: [["read", 0, 110, 120], ["forward", 0, 120, 150]],
  sent: [200, 230],
};
const KNOWN = { offset: 5000, error: 10, ordered: 5095, heard: 5240, before: NOTHING };

Deno.test("placeSpans() moves what a worker tells to the coordinator's clock", () => {
  assertEquals(placeSpans(ANSWER, KNOWN), {
    made: [5100, 5200],
    phases: [["read", 0, 5110, 5120], ["forward", 0, 5120, 5150]],
    sent: [5200, 5230],
  });
});

Deno.test("placeSpans(): an answer never overlaps the one before it, though the clock is known better by now", () => {
  const placed = placeSpans(ANSWER, { ...KNOWN, before: { made: 5104, sent: 5090 } })!;
  assertEquals([placed.made, placed.sent], [[5104, 5204], [5204, 5234]]);
  const later = placeSpans(ANSWER, { ...KNOWN, before: { made: 5090, sent: 5207 } })!;
  assertEquals([later.made, later.sent], [[5107, 5207], [5207, 5237]]);
});

Deno.test("placeSpans() takes nothing that cannot have been so", () => {
  const lies: Record<string, Partial<AnswerSpans>> = {
    "before it was ordered": { made: [80, 200] },
    "after it had come": { sent: [200, 260] },
    "sent before it was made": { sent: [190, 230] },
    "made backwards": { made: [200, 100], phases: [] },
    "sent backwards": { sent: [230, 200] },
    "a phase before it": { phases: [["read", 0, 90, 120]] },
    "a phase after it": { phases: [["read", 0, 110, 201]] },
    "a phase backwards": { phases: [["read", 0, 120, 110]] },
    "phases that overlap": { phases: [["read", 0, 110, 130], ["forward", 0, 120, 150]] },
  };
  for (const [what, lie] of Object.entries(lies)) {
    assertEquals(placeSpans({ ...ANSWER, ...lie }, KNOWN), undefined, what);
  }
});

const time = fc.oneof(fc.nat(400), fc.maxSafeNat());
const span = fc.tuple(time, time);
const answers: fc.Arbitrary<AnswerSpans> = fc.record({
  made: span,
  phases: fc.array(fc.tuple(fc.constantFrom(...PHASES), fc.nat(10), time, time), { maxLength: 4 }),
  sent: span,
});

Deno.test("placeSpans(): whatever a worker tells, what is taken nests and lies between order and answer", () => {
  fc.assert(fc.property(answers, fc.integer({ min: -300, max: 300 }), fc.nat(300), (answer, offset, ordered) => {
    const known = { offset, error: 5, ordered, heard: ordered + 300, before: NOTHING };
    const placed = placeSpans(answer, known);
    if (placed === undefined) return;
    const { made, phases, sent } = placed;
    const inside = phases.flatMap(([, , start, end]) => [start, end]);
    const times = [Math.max(0, ordered - 5), made[0], ...inside, made[1], ...sent, ordered + 305];
    assertEquals(times, times.toSorted((a, b) => a - b));
  }));
});

Deno.test("placeSpans(): what an honest worker tells is always taken, as far off as its clock may be", () => {
  const steps = fc.array(fc.nat(1000), { minLength: 8, maxLength: 8 });
  const off = fc.integer({ min: -500, max: 500 });
  fc.assert(fc.property(steps, fc.nat(1e6), off, (steps, begin, off) => {
    const ahead = 12_345;
    let now = begin + 1000;
    const [ordered, start, read, forward, end, sending, sent, heard] = steps.map((step) => now += step) as number[];
    const at = (time: number | undefined) => time! + ahead;
    const phases: PhaseSpan[] = [["read", 0, at(start), at(read)], ["forward", 0, at(read), at(forward)]];
    const told = { made: [at(start), at(end)], phases, sent: [at(sending), at(sent)] } as const;
    const known = { offset: off - ahead, error: 500, ordered: ordered!, heard: heard!, before: NOTHING };
    assert(placeSpans(told, known) !== undefined);
  }));
});
