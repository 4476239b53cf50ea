// The front door against real sockets: who gets in, over what, and what becomes of the rest.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
// @ts-types="@types/ws"
import type { ClientOptions, WebSocket as Socket } from "ws";
import type { Listener, ListenOptions, Visit } from "../../../coordinator/door/listener.ts";
import { readServerCertificate, type ServerCertificate } from "../../../shared/certificates.ts";
import { messageOf } from "../../../shared/errors.ts";
import { proofOf, SUBPROTOCOL } from "../../../shared/handshake.ts";
import { within } from "../../../shared/within.ts";
import { hasOpenssl, makeCertificate } from "../../fixtures/certificates.ts";
import { temporaryDirectory } from "../../fixtures/data_files.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("net", "env"); // listens on the loopback; ws reads the environment
const withoutTls = ignore || !await granted("run", "read", "write") || !await hasOpenssl();
const { WebSocket } = ignore ? {} as typeof import("ws") : await import("ws");
const { listen } = ignore
  ? {} as typeof import("../../../coordinator/door/listener.ts")
  : await import("../../../coordinator/door/listener.ts");
const { announceMessage, refusedConnection, TOKEN } = ignore
  ? {} as typeof import("../../fixtures/fake_worker.ts")
  : await import("../../fixtures/fake_worker.ts");
const { joinCoordinator } = ignore
  ? {} as typeof import("../../../worker/join.ts")
  : await import("../../../worker/join.ts");
const { DOOR_LIMITS } = await import("../../../coordinator/door/doorkeeper.ts");

const MAX_PAYLOAD = 100_000;
const RUN = "0011223344556677";

interface Scene extends AsyncDisposable {
  readonly listener: Listener;
  readonly visits: Visit[];
}

async function open(changes: Partial<ListenOptions> = {}): Promise<Scene> {
  const visits: Visit[] = [];
  const onVisit = (visit: Visit) => {
    visits.push(visit);
    visit.socket.send("welcome");
  };
  const fixed = { hostname: "127.0.0.1", port: 0, token: TOKEN, runId: RUN, maxPayload: MAX_PAYLOAD, tls: undefined };
  const listener = await listen({ ...fixed, onVisit, ...changes });
  return { listener, visits, [Symbol.asyncDispose]: () => listener.close() };
}

/** What becomes of a worker's connection: its first message, or why there is none. */
async function knock(
  url: string,
  { token = TOKEN, authority }: { token?: string; authority?: string } = {},
): Promise<string> {
  try {
    const { socket } = await joinCoordinator({ url, token, authority });
    const answer = await new Promise<string>((resolve) => socket.once("message", (data) => resolve(`${data}`)));
    const closed = new Promise((done) => socket.once("close", done));
    socket.terminate();
    await closed;
    return answer;
  } catch (error) {
    return messageOf(error);
  }
}

/** How a connection is closed that says these one after another, each after an answer; no answer is waited for at the end. */
async function say(
  { address }: Listener,
  messages: readonly ((challenge: { nonce: string; proof: string }) => string | Uint8Array)[],
  options: ClientOptions = {},
): Promise<number> {
  const socket = new WebSocket(`ws://${address}`, SUBPROTOCOL, options);
  socket.on("error", () => {}); // "close" tells
  const closed = new Promise<number>((resolve) => socket.once("close", resolve));
  let heard = { nonce: "", proof: "" };
  await new Promise((resolve) => socket.once("open", resolve));
  for (const [i, message] of messages.entries()) {
    socket.send(message(heard));
    if (i === messages.length - 1) break;
    const answer = new Promise<string>((resolve) => socket.once("message", (data) => resolve(`${data}`)));
    heard = JSON.parse(await within(5_000, answer, () => new Error("it is not answered")));
  }
  return await within(5_000, closed, () => new Error("it is not closed"));
}

const HAIL = { type: "hail", nonce: "a".repeat(64) };
const hail = () => JSON.stringify(HAIL);
const answer = (proof: string) => JSON.stringify({ type: "response", proof });

/** What a raw connection gets for some bytes, until the other side closes it. */
async function send(address: string, text: string): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(address.split(":").at(-1)) });
  const decoder = new TextDecoder();
  let answer = "";
  try {
    if (text !== "") await connection.write(new TextEncoder().encode(text));
    for (const buffer = new Uint8Array(4096);;) {
      const count = await connection.read(buffer);
      if (count === null) return answer;
      answer += decoder.decode(buffer.subarray(0, count));
    }
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe) return answer;
    throw error;
  }
}

Deno.test("listen() lets in who knows the token, and tells the others nothing", { ignore }, async () => {
  await using scene = await open();
  const url = `ws://${scene.listener.address}`;
  assertEquals(await knock(url), "welcome");
  for (const token of ["f".repeat(32), `${TOKEN}0`, TOKEN.slice(1), TOKEN.toUpperCase()]) {
    assertStringIncludes(await knock(url, { token }), "the token is wrong (--token-file)");
  }
  assertStringIncludes(await send(scene.listener.address, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"), "426");
  assertEquals(scene.visits.length, 1);
});

Deno.test(
  "listen() takes no proof but that of the token, for this run, by this end, on this connection",
  { ignore },
  async () => {
    await using scene = await open();
    const transcript = (nonce: string) => ({ runId: RUN, coordinator: nonce, worker: HAIL.nonce });
    // The right one passes: what the others lack is what they are refused for.
    const attacks: Record<string, (challenge: { nonce: string; proof: string }) => string> = {
      "another token": ({ nonce }) => proofOf("f".repeat(32), "worker", transcript(nonce)),
      "the coordinator's own proof": ({ proof }) => proof,
      "a proof of the other direction": ({ nonce }) => proofOf(TOKEN, "coordinator", transcript(nonce)),
      "a proof for another run": ({ nonce }) =>
        proofOf(TOKEN, "worker", { ...transcript(nonce), runId: "0".repeat(16) }),
      "a proof over another nonce": () => proofOf(TOKEN, "worker", transcript("b".repeat(64))),
      "a proof over another nonce of its own": ({ nonce }) =>
        proofOf(TOKEN, "worker", { ...transcript(nonce), worker: "b".repeat(64) }),
      "the token itself": () => TOKEN,
      nothing: () => "",
    };
    for (const [what, proof] of Object.entries(attacks)) {
      const code = await say(scene.listener, [hail, (challenge) => answer(proof(challenge))]);
      assertEquals([code, scene.visits.length], [1008, 0], what);
    }
    const right = say(scene.listener, [hail, ({ nonce }) => answer(proofOf(TOKEN, "worker", transcript(nonce)))]);
    while (scene.visits.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    scene.visits[0]!.socket.close(4000);
    assertEquals(await right, 4000);
    // Heard on that connection, said on another.
    const { coordinator } = scene.visits[0]!.transcript;
    assertEquals(
      await say(scene.listener, [hail, () => answer(proofOf(TOKEN, "worker", transcript(coordinator)))]),
      1008,
    );
    assertEquals(scene.visits.length, 1);
  },
);

Deno.test("listen() closes on whoever does not begin with a handshake", { ignore }, async () => {
  await using scene = await open();
  const hello = JSON.stringify({ type: "hello", runId: RUN, step: 0, name: "", host: "", pid: 1 });
  const attacks = [
    hello,
    "",
    "{}",
    "null",
    JSON.stringify({ ...HAIL, nonce: "a" }),
    answer("a".repeat(64)),
    new Uint8Array(9),
  ];
  for (const attack of attacks) assertEquals(await say(scene.listener, [() => attack]), 1008);
  assertEquals(await say(scene.listener, [hail, hail]), 1008);
  assertEquals(scene.visits.length, 0);
});

Deno.test("listen() takes a kilobyte of a stranger, whatever its messages may become later", { ignore }, async () => {
  await using scene = await open();
  const attacks: ((socket: Socket) => void)[] = [
    // The beginning of a message that is smaller than MAX_PAYLOAD.
    (socket) => {
      const head = new DataView(new ArrayBuffer(2_000));
      head.setUint32(0, 0x82feffff); // final, binary, masked, 65,535 bytes
      (socket as unknown as { readonly _socket: { write(bytes: Uint8Array): void } })._socket
        .write(new Uint8Array(head.buffer));
    },
    (socket) => {
      for (let i = 0; i < 100; i++) socket.ping("x".repeat(100), undefined, () => {});
    },
    (socket) => {
      for (let i = 0; i < 100; i++) socket.send("x".repeat(100), { fin: false }, () => {});
    },
  ];
  for (const attack of attacks) {
    const socket = new WebSocket(`ws://${scene.listener.address}`, SUBPROTOCOL);
    socket.on("error", () => {}); // "close" tells
    const closed = new Promise<number>((resolve) => socket.once("close", resolve));
    await new Promise((resolve) => socket.once("open", resolve));
    attack(socket);
    assertEquals(await within(5_000, closed, () => new Error(`it may go on: ${attack}`)), 1006);
  }
  // Whoever is known may send more, also in one piece with its proof.
  const heard = Promise.withResolvers<number>();
  const onVisit = ({ socket }: Visit) => socket.once("message", (data) => heard.resolve(`${data}`.length));
  await using other = await open({ onVisit });
  const { socket: known } = await joinCoordinator({ url: `ws://${other.listener.address}`, token: TOKEN });
  known.send("x".repeat(MAX_PAYLOAD));
  assertEquals(await within(5_000, heard.promise, () => new Error("it is dropped")), MAX_PAYLOAD);
  known.terminate();
});

Deno.test("listen() does not let pages of browsers in, but for its own", { ignore }, async () => {
  await using scene = await open();
  const { address } = scene.listener;
  const port = address.split(":").at(-1);
  const foreign: readonly Record<string, string>[] = [
    { origin: "https://evil.example" },
    { origin: "null" },
    { origin: `https://${address}` },
    { origin: "http://127.0.0.1:1" },
    // A name that its owner has pointed here: for the browser, the page and the coordinator are the same.
    { origin: `http://evil.example:${port}`, host: `evil.example:${port}` },
  ];
  for (const headers of foreign) {
    const { message } = await refusedConnection(scene.listener, { headers });
    assertStringIncludes(message, "403", JSON.stringify(headers));
  }
  for (const host of [address, `localhost:${port}`]) {
    const headers = { origin: `http://${host}`, host };
    assertEquals(await say(scene.listener, [() => "let in, up to the handshake"], { headers }), 1008);
  }
  // A program may know the coordinator by any name: behind a tunnel, or a service's.
  assertEquals(await say(scene.listener, [() => ""], { headers: { host: "herd-coordinator:7400" } }), 1008);
  assertEquals(scene.visits.length, 0);
});

Deno.test("listen() tells other versions which one it speaks", { ignore }, async () => {
  await using scene = await open();
  for (const protocol of ["herd.4", "herd", "chat"]) {
    assertStringIncludes((await refusedConnection(scene.listener, {}, protocol)).message, "426");
  }
  assertStringIncludes(
    await send(
      scene.listener.address,
      "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer token\r\n\r\n",
    ),
    `426 Upgrade Required\r\nSec-WebSocket-Protocol: ${SUBPROTOCOL}\r\n`,
  );
});

Deno.test("listen() drops garbage, long headers and those who say nothing", { ignore }, async () => {
  await using scene = await open({ limits: { ...DOOR_LIMITS, strangerMs: 50 } });
  const { address } = scene.listener;
  assertEquals(await send(address, "\x00\xff garbage\r\n\r\n"), "");
  assertEquals(await send(address, `GET / HTTP/1.1\r\nHost: h\r\nX: ${"x".repeat(20_000)}\r\n\r\n`), "");
  assertEquals(await send(address, ""), "");
  assertEquals(await send(address, "GET / HTTP/1.1\r\nHost:"), "");
  // The clock runs for strangers only.
  const { socket } = await joinCoordinator({ url: `ws://${address}`, token: TOKEN });
  await new Promise((done) => socket.once("message", done));
  await send(address, "");
  assertEquals(socket.readyState, WebSocket.OPEN);
  const closed = new Promise((done) => socket.once("close", done));
  socket.terminate();
  await closed;
});

Deno.test("listen() turns an address away that fails too often", { ignore }, async () => {
  const limits = { ...DOOR_LIMITS, failures: 3, forgetMs: 1e9, countLoopback: true };
  await using scene = await open({ limits });
  const url = `ws://${scene.listener.address}`;
  let refused = 0; // a failure counts when its connection has closed at the other end, so one more may slip in
  while (refused < 50 && (await knock(url, { token: "f".repeat(32) })).includes("the token is wrong")) refused++;
  assert(refused >= 3 && refused < 50, `${refused}`);
  assertEquals(/token|welcome/.test(await knock(url)), false);
  assertEquals(scene.visits.length, 0);
});

Deno.test("listen() ends a connection that announces two gigabytes, before they come", { ignore }, async () => {
  await using scene = await open();
  assertEquals(await announceMessage(scene.listener, 2 ** 31), 1009);
  assertEquals(await announceMessage(scene.listener, MAX_PAYLOAD + 1), 1009);
});

async function withCertificate(run: (tls: ServerCertificate) => Promise<void>): Promise<void> {
  using folder = temporaryDirectory();
  const { cert, key } = await makeCertificate(folder.path, ["IP:127.0.0.1"]);
  await run(await readServerCertificate(cert, key));
}

Deno.test("listen() with TLS proves who it is, and has a door in clear for this machine alone", {
  ignore: withoutTls,
}, () =>
  withCertificate(async (tls) => {
    await using scene = await open({ tls, hostname: "0.0.0.0" });
    const port = scene.listener.address.split(":").at(-1);
    const secure = `wss://127.0.0.1:${port}`;
    assertEquals(await knock(secure, { authority: tls.cert }), "welcome");
    assertStringIncludes(await knock(secure, { authority: tls.cert, token: "f".repeat(32) }), "the token is wrong");
    assertStringIncludes(await knock(secure), "self-signed");
    assertStringIncludes(await knock(`wss://localhost:${port}`, { authority: tls.cert }), "does not match");
    assert(!(await knock(`ws://127.0.0.1:${port}`)).includes("welcome"), "the front door must not speak in clear");
    assertEquals(await knock(`ws://${scene.listener.localAddress}`), "welcome");
    const local = `ws://${scene.listener.localAddress}`;
    assertStringIncludes(await knock(local, { token: "f".repeat(32) }), "the token is wrong");
    assert(scene.listener.localAddress.startsWith("127.0.0.1:") && !scene.listener.localAddress.endsWith(`:${port}`));
  }));

Deno.test("listen() with TLS bounds the handshake too", { ignore: withoutTls }, () =>
  withCertificate(async (tls) => {
    await using scene = await open({ tls, limits: { ...DOOR_LIMITS, strangerMs: 50 } });
    assertEquals(await send(scene.listener.address, ""), "");
    assert(!(await send(scene.listener.address, "GET / HTTP/1.1\r\n\r\n")).includes("HTTP"));
  }));
