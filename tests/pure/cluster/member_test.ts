import { assertEquals, assertStringIncludes } from "@std/assert";
import { EventEmitter } from "node:events";
// @ts-types="@types/ws"
import type { WebSocket } from "ws";
import { Identities } from "../../../coordinator/cluster/identities.ts";
import { Member } from "../../../coordinator/cluster/member.ts";
import { Channel } from "../../../shared/channel.ts";
import { leastBytes } from "../../../shared/progress.ts";
import { parseWorkerMessage } from "../../../shared/protocol.ts";

const identity = new Identities(undefined, () => true).welcome("");

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
  const channel = new Channel(new EventEmitter() as unknown as WebSocket, parseWorkerMessage, { meter });
  const member = new Member({ channel, identity, from: "", host: "", pid: 1 }, { first: 5, floor: 5 });
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
