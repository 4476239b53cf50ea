import { assertEquals, assertStringIncludes } from "@std/assert";
import { EventEmitter } from "node:events";
// @ts-types="@types/ws"
import type { WebSocket } from "ws";
import { Identities } from "../../../coordinator/cluster/identities.ts";
import type { LeafLimits } from "../../../coordinator/cluster/deadline.ts";
import { Member } from "../../../coordinator/cluster/member.ts";
import { Channel, type Meter } from "../../../shared/channel.ts";
import { leastBytes } from "../../../shared/progress.ts";
import { parseWorkerMessage } from "../../../shared/protocol.ts";

const identity = new Identities(undefined, () => true).welcome("");

function memberOn(meter: Meter, limits: LeafLimits): Member {
  const channel = new Channel(new EventEmitter() as unknown as WebSocket, parseWorkerMessage, { meter });
  return new Member({ channel, identity, from: "", host: "", pid: 1 }, limits);
}

/** performance.now(), from 0. */
function stoppedClock(): { now: number } & Disposable {
  const real = performance.now;
  const clock = { now: 0, [Symbol.dispose]: () => void (performance.now = real) };
  performance.now = () => clock.now;
  return clock;
}

/** Waits until a worker is called silent, of whose connection each look finds so many bytes more, `times` times. */
async function silence(bytes: number, times: number): Promise<{ looks: number; message: string }> {
  let looks = 0;
  const meter = {
    get bytesRead() {
      return Math.min(looks++, times) * bytes;
    },
    bytesWritten: 0,
    prependListener() {},
  };
  const member = memberOn(meter, { first: 5, floor: 5 });
  const { message } = await new Promise<Error>((resolve) => member.watch(resolve));
  member.unwatch();
  return { looks, message };
}

Deno.test("a worker of whose frame more comes in is not called silent, however long that takes", async () => {
  // Looks come in pairs: at the end of a wait, and at the beginning of the next.
  assertEquals((await silence(leastBytes(5), 40)).looks, 42);
});

Deno.test("a worker that says nothing, or dawdles, is called silent after the first wait", async () => {
  for (const bytes of [0, leastBytes(5) - 1]) {
    const { looks, message } = await silence(bytes, 40);
    assertEquals(looks, 2);
    assertStringIncludes(message, "no sign of life");
  }
});

Deno.test("a worker that says that its leaves take for ever gets no longer a deadline, and no more seconds, than were seen", () => {
  using time = stoppedClock();
  const limits = { first: 900_000, floor: 100 };
  const member = memberOn({ bytesRead: 0, bytesWritten: 0, prependListener() {} }, limits);
  const deadline = () => member.standing.leafTimes.deadline(limits, 1);
  time.now += 60_000;
  member.sign(1, 1e300); // nothing was asked of it
  assertEquals(deadline(), limits.floor);
  for (let i = 0; i < 3; i++) {
    member.watch(() => {});
    time.now += 50;
    member.sign(1, 1e300);
    member.unwatch();
    time.now += 10_000; // it waits for the next step
  }
  assertEquals(deadline(), 20 * 50);
  assertEquals(member.info.computeSeconds <= time.now / 1000, true);
});
