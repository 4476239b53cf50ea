// Weights on their way to members that do not read them.
import { assert, assertEquals } from "@std/assert";
import { Broadcast } from "../../../coordinator/cluster/broadcast.ts";
import type { Member } from "../../../coordinator/cluster/member.ts";
import { ByteBudget } from "../../../shared/byte_budget.ts";

const WEIGHTS = new Float32Array(1_000);
const FRAME = 4_064;

/** A member to whom nothing arrives until it says so. */
function slow(): { member: Member; arrive(): Promise<void>; readonly isDropped: boolean } {
  let arrived = Promise.withResolvers<void>();
  let isDropped = false;
  const channel = {
    sendBytes: () => arrived.promise,
    drop() {
      isDropped = true;
      arrived.reject(new Error("dropped"));
    },
  };
  return {
    member: { channel } as unknown as Member,
    async arrive() {
      arrived.resolve();
      arrived = Promise.withResolvers();
      await new Promise((resolve) => setTimeout(resolve));
    },
    get isDropped() {
      return isDropped;
    },
  };
}

Deno.test("Broadcast holds each version once, and only for those that are too slow for it", async () => {
  const budget = new ByteBudget(1e6);
  const broadcast = new Broadcast("0011223344556677", budget);
  const all = [slow(), slow(), slow()];
  broadcast.set(WEIGHTS, "none");
  for (const { member } of all) void broadcast.send(member, () => {});
  assertEquals(budget.total, 0, "the newest is there anyway");
  broadcast.set(WEIGHTS, "none");
  assertEquals(budget.total, FRAME, "one for all three");
  await all[0]!.arrive();
  await all[1]!.arrive();
  assertEquals(budget.total, FRAME);
  await all[2]!.arrive();
  assertEquals(budget.total, 0);
});

Deno.test("Broadcast drops the slowest when older versions are too much for the budget", async () => {
  const budget = new ByteBudget(3 * FRAME);
  const broadcast = new Broadcast("0011223344556677", budget);
  const all = Array.from({ length: 10 }, slow);
  for (const { member } of all) {
    broadcast.set(WEIGHTS, "none");
    broadcast.send(member, () => {}).catch(() => {});
  }
  assert(budget.total <= 3 * FRAME, `${budget.total}`);
  // Nine versions are outdated, three may be.
  assertEquals(all.map(({ isDropped }) => isDropped), [true, true, true, true, true, true, false, false, false, false]);
  await new Promise((resolve) => setTimeout(resolve));
});
