// Who judges where two workers got different bits; whole clusters with faulty workers are in faults_test.ts.
import { assertEquals } from "@std/assert";
import type { Member } from "../../../coordinator/cluster/member.ts";
import { SecondOpinions } from "../../../coordinator/cluster/second_opinions.ts";
import { StepSchedule } from "../../../coordinator/cluster/step_schedule.ts";
import type { Answer } from "../../../coordinator/cluster/collector.ts";

const ROOT = { level: 0, index: 0 };

function worker(id: string, fingerprint: string): Member {
  return { id, speed: 1, patience: () => 1e9, ready: { fingerprint } } as unknown as Member;
}

/** An answer for the only leaf, whose bits have this checksum. */
function answer(crc: number): Answer {
  const one = Float32Array.of(1);
  const frame = {
    kind: "partial",
    step: 1,
    ...ROOT,
    weights: 0,
    gradient: one,
    losses: one,
    logits: one,
    crc,
  } as const;
  return { node: ROOT, frame };
}

/** A step of one leaf, and what its second opinions lead to, as text. */
function stepOf(members: readonly Member[]) {
  const schedule = new StepSchedule<Member>([{ start: 0, end: 1 }], "train");
  for (const member of members) schedule.join(member);
  schedule.orders(0);
  const story: string[] = [];
  const opinions = new SecondOpinions(() => schedule, {
    onAsked: ({ worker }) => story.push(`${worker.id} is asked`),
    onWrong: ({ id }) => story.push(`${id} is wrong`),
    onUndecided: (a, b) => story.push(`${a.id} and ${b.id} differ`),
    onSpoilt: () => story.push("all again"),
  });
  return {
    schedule,
    story,
    opinions,
    answers(member: Member, crc: number) {
      if (!opinions.believes(member, answer(crc))) return;
      if (schedule.answer(member, ROOT, 0).verdict === "used") opinions.count(member, answer(crc));
    },
  };
}

Deno.test("second opinions: only a worker that ought to get the same bits judges", () => {
  const [first, stranger, second, third] = [worker("a", "x"), worker("b", "y"), worker("c", "x"), worker("d", "x")];
  const { story, opinions, answers } = stepOf([first, stranger, second, third]);
  answers(first, 1);
  answers(stranger, 9); // another device: its bits say nothing
  assertEquals(story, []);
  answers(second, 2);
  assertEquals(story.splice(0), ["d is asked"]);
  answers(stranger, 9);
  assertEquals([story, opinions.settled], [[], false]);
  answers(third, 2);
  assertEquals([story, opinions.settled], [["all again", "a is wrong"], true]);
});

Deno.test("second opinions: without a third worker of the kind one of the two is asked again", () => {
  const [first, stranger, second] = [worker("a", "x"), worker("b", "y"), worker("c", "x")];
  const { story, answers } = stepOf([first, stranger, second]);
  answers(first, 1);
  answers(second, 2);
  assertEquals(story.splice(0), ["a is asked"]);
  answers(first, 1);
  assertEquals(story, ["c is wrong"]);
});

Deno.test("second opinions: a judge that is gone is replaced, and one that agrees with nobody decides nothing", () => {
  const [first, second, judge, last] = [worker("a", "x"), worker("b", "x"), worker("c", "x"), worker("d", "x")];
  const { schedule, story, opinions, answers } = stepOf([first, second, judge, last]);
  answers(first, 1);
  answers(second, 2);
  assertEquals(story.splice(0), ["c is asked"]);
  schedule.leave(judge);
  opinions.leave(judge);
  assertEquals(story.splice(0), ["d is asked"]);
  answers(last, 3);
  assertEquals([story, opinions.settled], [["a and b differ"], true]);
});
