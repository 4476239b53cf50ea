import { assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Timeline } from "../../../coordinator/cluster/timeline.ts";

Deno.test("Timeline: a step is made of what was done, waiting between it, the update and what was sent", () => {
  const timeline = new Timeline();
  timeline.begin(1000);
  timeline.did("order", 1000, 1001);
  timeline.did("sum", 1011, 1013);
  timeline.did("sum", 1020, 1021);
  assertEquals(timeline.computed("train", 1021), undefined);
  timeline.did("sum", 1021.5, 1021.6); // too late: nobody waits for it
  const { stretches, ...times } = timeline.sent(1025, 1026)!;
  assertEquals(times, { start: 1000, end: 1026 });
  assertEquals(stretches.map(({ name, start, end }) => `${name} ${start}-${end}`), [
    "order 1000-1001",
    "wait 1001-1011",
    "sum 1011-1013",
    "wait 1013-1020",
    "sum 1020-1021",
    "update 1021-1025",
    "broadcast 1025-1026",
  ]);
  assertEquals(timeline.seconds, { order: 0.001, wait: 0.017, sum: 0.003, update: 0.004, broadcast: 0.001 });
});

Deno.test("Timeline: an evaluation is over with its last answer, and weights that follow from nothing belong to no step", () => {
  const timeline = new Timeline();
  assertEquals(timeline.sent(0, 1), undefined);
  timeline.begin(10);
  timeline.did("sum", 12, 13);
  assertEquals(timeline.computed("evaluate", 13), {
    start: 10,
    end: 13,
    stretches: [{ name: "wait", start: 10, end: 12 }, { name: "sum", start: 12, end: 13 }],
  });
  assertEquals(timeline.sent(20, 21), undefined);
  assertEquals(timeline.seconds.sum, 0, "an evaluation is no step");
});

Deno.test("Timeline: whatever happens when, the seconds of a step are the step", () => {
  const waits = fc.array(fc.tuple(fc.nat(1000), fc.nat(1000)), { maxLength: 20 });
  fc.assert(fc.property(waits, fc.nat(1000), fc.nat(1000), (answers, update, broadcast) => {
    const timeline = new Timeline();
    let now = 5;
    timeline.begin(now);
    for (const [wait, work] of answers) timeline.did("sum", now += wait, now += work);
    timeline.computed("train", now);
    timeline.sent(now += update, now += broadcast);
    const { order, wait, sum, update: updated, broadcast: sent } = timeline.seconds;
    assertAlmostEquals(order + wait + sum + updated + sent, (now - 5) / 1000, 1e-9);
  }));
});
