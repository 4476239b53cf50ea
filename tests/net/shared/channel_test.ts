// How a channel keeps what waits in it bounded, on a socket that a test plays.
import { assertEquals, assertRejects } from "@std/assert";
import { EventEmitter } from "node:events";
// @ts-types="@types/ws"
import type { WebSocket } from "ws";
import { Channel } from "../../../shared/channel.ts";
import { HerdError } from "../../../shared/errors.ts";

/** As much of a WebSocket as a channel uses. */
class PlayedSocket extends EventEmitter {
  readonly calls: string[] = [];
  readonly pause = () => this.calls.push("pause");
  readonly resume = () => this.calls.push("resume");
  readonly close = (code: number) => this.calls.push(`close ${code}`);
  /** Never says that something has left, unless a test does. */
  send: (data: unknown, done?: (error?: Error) => void) => void = () => {};
}

function played(): { socket: PlayedSocket; channel: Channel<string, { runId: string }> } {
  const socket = new PlayedSocket();
  return { socket, channel: new Channel(socket as unknown as WebSocket, (text) => text) };
}

Deno.test("Channel lets a peer wait while too much is unread here, and go on later", async () => {
  const { socket, channel } = played();
  for (let i = 0; i < 1024; i++) socket.emit("message", new TextEncoder().encode(`${i}`).buffer, false);
  assertEquals(socket.calls[0], "pause");
  const first = await channel[Symbol.asyncIterator]().next();
  assertEquals(first.value, { message: "0" });
  assertEquals(socket.calls.at(-1), "resume");
  const large = played();
  large.socket.emit("message", new ArrayBuffer(64 * 1024 * 1024), false);
  assertEquals(large.socket.calls, ["pause"]);
});

Deno.test("Channel gives up a peer that does not read its messages", async () => {
  const { socket, channel } = played();
  for (let i = 0; i < 10_000; i++) channel.send({ runId: "" });
  assertEquals(socket.calls, []);
  channel.send({ runId: "" });
  assertEquals(socket.calls, ["close 1002"]);
  await assertRejects(() => channel[Symbol.asyncIterator]().next(), HerdError, "does not read");
});

Deno.test("Channel takes nothing more once it is closing", () => {
  const { socket, channel } = played();
  channel.close();
  socket.emit("message", new TextEncoder().encode("late").buffer, false);
  assertEquals([channel.bytesIn, channel.waits(() => true)], [0, false]);
});

Deno.test("Channel counts as closed as soon as a send fails, though the socket has not said so", async () => {
  const { socket, channel } = played();
  socket.send = (_data, done) => done?.(new Error("EPIPE"));
  await assertRejects(() => channel.sendBytes(new Uint8Array(4)), HerdError, "EPIPE");
  assertEquals(channel.isClosed, true);
});
