// Frames over lines that are slow: what moves arrives, what does not is given up.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
// @ts-types="@types/ws"
import { WebSocket, WebSocketServer } from "ws";
import { Channel, type Meter, PeerStalled, SOCKET_OPTIONS } from "../../../shared/channel.ts";
import type { ProgressLimits } from "../../../shared/progress.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("net", "env", "sys"); // listens on the loopback; ws reads the environment

/** More than the system takes off the sender's hands at once. */
const FRAME = new Uint8Array(64 * 1024 * 1024);
const LIMITS: ProgressLimits = { lookMs: 20, looks: 12, bytesPerLook: 16 * 1024 };

interface Pair extends Disposable {
  readonly sender: Channel<string, { runId: string }>;
  /** The other end, which the test plays. */
  readonly peer: WebSocket;
  /** The connection below it. */
  readonly connection: Socket;
}

/** A connection over the loopback. @param onLook is called whenever the sender looks what has moved */
async function connect(onLook: () => void = () => {}): Promise<Pair> {
  const server = createServer();
  const sockets = new WebSocketServer({ noServer: true, ...SOCKET_OPTIONS, maxPayload: FRAME.length });
  const accepted = Promise.withResolvers<{ socket: WebSocket; connection: Socket }>();
  server.on("upgrade", (request, connection, head) => {
    sockets.handleUpgrade(request, connection, head, (socket) => {
      accepted.resolve({ socket, connection: request.socket });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const peer = new WebSocket(`ws://127.0.0.1:${port}`, { ...SOCKET_OPTIONS, maxPayload: FRAME.length });
  const below = Promise.withResolvers<Socket>();
  peer.once("upgrade", ({ socket }) => below.resolve(socket));
  await new Promise((resolve, reject) => peer.once("open", resolve).once("error", reject));
  const { socket, connection: meter } = await accepted.promise;
  const watched: Meter = {
    get bytesRead() {
      onLook();
      return meter.bytesRead;
    },
    get bytesWritten() {
      return meter.bytesWritten;
    },
    prependListener() {},
  };
  return {
    sender: new Channel(socket, (text) => text, { meter: watched, limits: LIMITS }),
    peer,
    connection: await below.promise,
    [Symbol.dispose]() {
      peer.terminate();
      socket.terminate();
      sockets.close();
      server.close();
    },
  };
}

Deno.test("a peer that reads slowly but steadily gets a large frame in full, however long it takes", {
  ignore,
}, async () => {
  let looks = 0;
  let goal = 0;
  using pair = await connect(() => {
    // A portion at every third look: the frame takes many times as long as a standstill may.
    if (++looks % 3 !== 0) return;
    goal += FRAME.length / 32;
    pair.peer.resume();
  });
  const { sender, peer, connection } = pair;
  peer.binaryType = "arraybuffer";
  const whole = new Promise<number>((resolve) => {
    peer.once("message", (data) => resolve((data as ArrayBuffer).byteLength));
  });
  peer.pause();
  connection.on("data", () => {
    if (connection.bytesRead < goal) return;
    peer.pause();
    peer.ping(`${connection.bytesRead}`);
  });
  await sender.sendBytes(FRAME);
  goal = Infinity;
  peer.resume();
  assertEquals(await whole, FRAME.length);
  assert(looks > 4 * LIMITS.looks, `${looks} looks`);
});

Deno.test("a peer that reads nothing is given up, though it says that it has read more than there was", {
  ignore,
}, async () => {
  for (const claim of ["", "1e300", "-5", "NaN", "0x", "Infinity"]) {
    using pair = await connect();
    pair.peer.pause();
    const sent = pair.sender.sendBytes(FRAME);
    pair.peer.ping(claim);
    await assertRejects(() => sent, PeerStalled, "The other end reads less than 819.2 kB/s for 0.24 s");
    assertEquals(pair.sender.isClosed, true);
  }
});

Deno.test(
  "a peer that reads less than the least rate is given up, though it goes on for ever",
  { ignore },
  async () => {
    let bytes = 0;
    let looks = 0;
    using pair = await connect(() => {
      looks++;
      // Half of what it should be.
      pair.peer.ping(`${bytes += LIMITS.bytesPerLook / 2}`);
    });
    pair.peer.pause();
    await assertRejects(() => pair.sender.sendBytes(FRAME), PeerStalled, "reads less than");
    assert(looks > LIMITS.looks, `${looks} looks: it was given time for what it did read`);
  },
);
