import { assertEquals } from "@std/assert";
import type { Member } from "../../../coordinator/cluster/member.ts";
import { Tracing } from "../../../coordinator/cluster/tracing.ts";
import type { ClusterEvent } from "../../../coordinator/events/mod.ts";
import type { Frame } from "../../../shared/frames.ts";
import type { WorkerMessage } from "../../../shared/protocol.ts";

type Told = Extract<WorkerMessage, { type: "spans" }>;

const member = (id: string) => ({ id }) as Member;
const POSITION = { key: { arm: "gc", seed: 0 }, epoch: 1, step: 1, steps: 2 } as const;
/** How far the workers' clocks are behind, in microseconds. */
const BEHIND = 1000;

/** A step of four leaves that begins at 10 ms, after weights at 8 ms. */
function scene() {
  const told: Extract<ClusterEvent, { type: "spans" }>[] = [];
  const asked: string[] = [];
  const tracing = new Tracing((event) => told.push(event), ({ id }) => asked.push(id));
  const answer = (step: number, attempt: number, index: number) =>
    ({ kind: "partial", step, attempt, level: 1, index }) as Frame;
  return {
    told,
    asked,
    tracing,
    answer,
    /** What a worker tells, by its own clock. */
    spans: (step: number, attempt: number, index: number): Told => ({
      runId: "",
      type: "spans",
      step,
      attempt,
      level: 1,
      index,
      made: [11_000 - BEHIND, 14_000 - BEHIND],
      phases: [["forward", 2 * index, 12_000 - BEHIND, 13_000 - BEHIND]],
      sent: [14_000 - BEHIND, 14_100 - BEHIND],
    }),
    /** Asks a worker for the two leaves of a node. */
    order: (one: Member, attempt: number, index: number, now = 10) =>
      tracing.ordered(one, { attempt, range: { start: 2 * index, end: 2 * index + 2 } }, now),
    meet(one: Member) {
      tracing.askClock(one, 1);
      tracing.hearClock(one, 1_100 - BEHIND, 1.2);
    },
    begin(number: number, task: "train" | "evaluate" = "train") {
      tracing.begin({ number, task, leafCount: 4, position: POSITION });
    },
    end: () => tracing.over({ start: 10, end: 20, stretches: [{ name: "wait", start: 10, end: 20 }] }),
  };
}

Deno.test("Tracing: what workers tell of a step comes with it, by the coordinator's clock, with an arrow from its weights", () => {
  const { told, tracing, answer, spans, order, meet, begin, end } = scene();
  const one = member("w1");
  tracing.sent(7, 9, false);
  meet(one);
  begin(1);
  order(one, 1, 1);
  tracing.answered(one, answer(1, 1, 1), 14.2, 14.4);
  tracing.hearSpans(one, spans(1, 1, 1), 14.5);
  assertEquals(told.map(({ spans }) => spans[0]!.name), ["broadcast"], "the step is not over");
  end();
  assertEquals(told.slice(1), [
    {
      type: "spans",
      worker: null,
      task: "train",
      position: POSITION,
      spans: [{ name: "step", start: 10_000, end: 20_000 }, { name: "wait", start: 10_000, end: 20_000 }],
      clockError: 0,
      arrow: null,
    },
    {
      type: "spans",
      worker: "w1",
      task: "train",
      position: POSITION,
      spans: [
        { name: "gradients", start: 11_000, end: 14_000, leaf: 2, leaves: 2 },
        { name: "forward", start: 12_000, end: 13_000, leaf: 2 },
        { name: "send", start: 14_000, end: 14_100, leaf: 2, leaves: 2 },
      ],
      clockError: 102, // half of the way there and back, and the drift since
      arrow: { from: 8_000, to: 14_300 },
    },
  ]);
});

Deno.test("Tracing: a worker may tell of its last answer when the step is over, without an arrow if that came too late", () => {
  const { told, tracing, answer, spans, order, meet, begin, end } = scene();
  const [one, two] = [member("w1"), member("w2")];
  tracing.sent(7, 9, false);
  for (const member of [one, two]) meet(member);
  begin(1);
  for (const [i, member] of [one, two].entries()) order(member, i, i);
  tracing.answered(one, answer(1, 0, 0), 14.2, 14.4);
  end();
  begin(2);
  tracing.answered(two, answer(1, 1, 1), 20.2, 20.4);
  tracing.hearSpans(one, spans(1, 0, 0), 20.5);
  tracing.hearSpans(two, spans(1, 1, 1), 20.6);
  assertEquals(told.slice(2).map(({ worker, arrow }) => [worker, arrow?.to]), [["w1", 14_300], ["w2", undefined]]);
});

Deno.test("Tracing: nothing is taken of what a worker has not answered, twice, without a clock, or of long ago", () => {
  const { told, tracing, answer, spans, order, meet, begin, end } = scene();
  const [one, two] = [member("w1"), member("w2")];
  meet(one);
  begin(1);
  for (const [i, member] of [one, two].entries()) order(member, 1, i);
  tracing.answered(one, answer(1, 1, 0), 14.2, 14.4);
  tracing.answered(two, answer(1, 1, 1), 14.2, 14.4);
  tracing.answered(one, answer(1, 9, 0), 14.2, 14.4);
  tracing.answered(one, answer(7, 1, 0), 14.2, 14.4);
  tracing.hearSpans(one, spans(1, 1, 1), 14.5); // the other one's
  tracing.hearSpans(one, spans(1, 9, 0), 14.5); // never ordered
  tracing.hearSpans(one, spans(7, 1, 0), 14.5); // of no step
  tracing.hearSpans(two, spans(1, 1, 1), 14.5); // whose clock is not known
  tracing.hearSpans(one, spans(1, 1, 0), 14.5);
  tracing.hearSpans(one, spans(1, 1, 0), 40); // again
  end();
  assertEquals(told.map(({ worker }) => worker), [null, "w1"]);
  begin(2);
  begin(3);
  tracing.answered(one, answer(1, 1, 1), 30, 30.1);
  tracing.hearSpans(one, spans(1, 1, 1), 30.2);
  assertEquals(told.length, 2);
});

Deno.test("Tracing: a step that is broken off tells nothing, and a clock is asked again when it may be far off, once at a time", () => {
  const { told, asked, tracing, answer, spans, order, meet, begin, end } = scene();
  const one = member("w1");
  meet(one);
  begin(1);
  order(one, 1, 0);
  tracing.answered(one, answer(1, 1, 0), 14.2, 14.4);
  tracing.hearSpans(one, spans(1, 1, 0), 14.5);
  begin(2);
  end();
  assertEquals(told.map(({ worker, spans }) => [worker, spans.length]), [[null, 2]]);
  assertEquals(asked, ["w1"]);
  for (const now of [20_000, 20_001]) order(one, 2, 0, now);
  assertEquals(asked, ["w1", "w1"], "it has not answered yet");
  tracing.hearClock(one, 5, 20_003);
  tracing.hearClock(one, 5, 20_004); // nobody has asked
  order(one, 3, 0, 20_005);
  assertEquals(asked, ["w1", "w1", "w1"], "the way there and back was long");
});

Deno.test("Tracing: an answer that is sent again, one that nobody has asked for, and leaves outside of one are not told of", () => {
  const { told, tracing, answer, spans, order, meet, begin, end } = scene();
  const one = member("w1");
  meet(one);
  begin(1);
  order(one, 1, 0);
  order(one, 2, 1);
  for (let i = 0; i < 3; i++) {
    tracing.answered(one, answer(1, 1, 0), 14.2, 14.4);
    tracing.hearSpans(one, spans(1, 1, 0), 15 + 10 * i);
  }
  const huge = { level: 2 ** 32 - 1, index: 2 ** 32 - 1 };
  tracing.answered(one, { ...answer(1, 1, 0), ...huge } as Frame, 14.2, 14.4);
  tracing.hearSpans(one, { ...spans(1, 1, 0), ...huge, phases: [] }, 50);
  tracing.answered(one, answer(1, 2, 1), 14.2, 14.4);
  const [[phase, , ...times]] = spans(1, 2, 1).phases as [Told["phases"][number]];
  tracing.hearSpans(one, { ...spans(1, 2, 1), phases: [[phase, 4, ...times]] }, 60);
  end();
  assertEquals(told.map(({ worker }) => worker), [null, "w1"]);
});
