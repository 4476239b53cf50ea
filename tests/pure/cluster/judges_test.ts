import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { chooseJury, findWrong, type Vote } from "../../../coordinator/cluster/judges.ts";
import { hand, type TestHand } from "../../fixtures/small_step.ts";

const workers = fc.array(
  fc.record({ isOwn: fc.boolean(), fingerprint: fc.constantFrom("f", "g") }),
  { minLength: 2, maxLength: 9 },
).map((all) => all.map((one, i) => hand(`w${i}`, one)));

Deno.test("judges: nobody judges itself but an own one against a stranger, and all have the same fingerprint", () => {
  fc.assert(fc.property(workers, ([first, second, ...others]) => {
    const present = [first!, second!, ...others];
    const jury = chooseJury([first!, second!], present);
    assert([0, 1, 3].includes(jury.length));
    assertEquals(new Set(jury).size, jury.length);
    for (const judge of jury) {
      assertEquals(judge.fingerprint, first!.fingerprint);
      const isParty = judge === first || judge === second;
      if (isParty) assert(judge.isOwn && first!.isOwn !== second!.isOwn && jury.length === 1);
      if (jury.length === 1) assert(judge.isOwn);
    }
  }));
});

Deno.test("judges: honest workers are never found wrong where at most two of five collude, or an own one judges", () => {
  const five = fc.record({
    liars: fc.array(fc.nat(4), { maxLength: 2 }),
    bits: fc.tuple(fc.constantFrom("x", "y"), fc.constantFrom("x", "y")),
    own: fc.boolean(),
  });
  fc.assert(fc.property(five, ({ liars, bits, own }) => {
    const all = Array.from({ length: 5 }, (_, i) => hand(`w${i}`, { isOwn: own && i === 4 }));
    const lies = new Map(liars.filter((i) => !(own && i === 4)).map((i, n) => [all[i]!, bits[n]!]));
    const vote = (worker: TestHand): Vote<TestHand> => ({ worker, bits: lies.get(worker) ?? "true" });
    const parties = [vote(all[0]!), vote(all[1]!)] as const;
    if (parties[0].bits === parties[1].bits) return;
    const jury = chooseJury([all[0]!, all[1]!], all).map(vote);
    assertEquals(jury.length, own ? 1 : 3);
    const wrong = findWrong(parties, jury);
    for (const worker of wrong ?? []) assert(lies.has(worker), "an honest one is punished");
    // Two that lie differently, before three strangers: nobody has three votes unless the others are honest.
    assert(wrong !== undefined);
  }));
});
