// The front door against real sockets: who gets in, over what, and what becomes of the rest.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
// @ts-types="@types/ws"
import type { ClientOptions, WebSocket as Socket } from "ws";
import type { Listener, ListenOptions } from "../../../coordinator/door/listener.ts";
import { readServerCertificate, type ServerCertificate } from "../../../shared/certificates.ts";
import { hasOpenssl, makeCertificate } from "../../fixtures/certificates.ts";
import { temporaryDirectory } from "../../fixtures/data_files.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("net", "env"); // listens on the loopback; ws reads the environment
const withoutTls = ignore || !await granted("run", "read", "write") || !await hasOpenssl();
const { WebSocket } = ignore ? {} as typeof import("ws") : await import("ws");
const { listen } = ignore
  ? {} as typeof import("../../../coordinator/door/listener.ts")
  : await import("../../../coordinator/door/listener.ts");
const { announceMessage, TOKEN } = ignore
  ? {} as typeof import("../../fixtures/fake_worker.ts")
  : await import("../../fixtures/fake_worker.ts");
const { DOOR_LIMITS } = await import("../../../coordinator/door/doorkeeper.ts");

const MAX_PAYLOAD = 1000;

interface Scene extends AsyncDisposable {
  readonly listener: Listener;
  readonly sockets: Socket[];
}

async function open(changes: Partial<ListenOptions> = {}): Promise<Scene> {
  const sockets: Socket[] = [];
  const onSocket = (socket: Socket) => {
    socket.on("error", () => {}); // the client hears of it
    sockets.push(socket);
    socket.send("welcome");
  };
  const fixed = { hostname: "127.0.0.1", port: 0, token: TOKEN, maxPayload: MAX_PAYLOAD, tls: undefined, onSocket };
  const listener = await listen({ ...fixed, ...changes });
  return { listener, sockets, [Symbol.asyncDispose]: () => listener.close() };
}

/** What becomes of a WebSocket connection: its first message, or why there is none. */
async function knock(url: string, options: ClientOptions = {}): Promise<string> {
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${TOKEN}` }, ...options });
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.on("message", (data) => resolve(String(data)));
  socket.on("error", (error) => resolve(error.message));
  const closed = new Promise((done) => socket.once("close", done));
  const answer = await promise;
  socket.terminate();
  await closed;
  return answer;
}

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

Deno.test("listen() lets in who has the token, and tells the others nothing", { ignore }, async () => {
  await using scene = await open();
  const url = `ws://${scene.listener.address}`;
  assertEquals(await knock(url), "welcome");
  for (const authorization of ["", "Bearer", `Bearer ${TOKEN}0`, `Bearer ${TOKEN.slice(1)}`, TOKEN]) {
    assertEquals(await knock(url, { headers: { authorization } }), "Unexpected server response: 401");
  }
  assertStringIncludes(await send(scene.listener.address, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"), "426");
  assertEquals(scene.sockets.length, 1);
});

Deno.test("listen() drops garbage, long headers and those who say nothing", { ignore }, async () => {
  await using scene = await open({ limits: { ...DOOR_LIMITS, strangerMs: 50 } });
  const { address } = scene.listener;
  assertEquals(await send(address, "\x00\xff garbage\r\n\r\n"), "");
  assertEquals(await send(address, `GET / HTTP/1.1\r\nHost: h\r\nX: ${"x".repeat(20_000)}\r\n\r\n`), "");
  assertEquals(await send(address, ""), "");
  assertEquals(await send(address, "GET / HTTP/1.1\r\nHost:"), "");
  // The clock runs for strangers only.
  const socket = new WebSocket(`ws://${address}`, { headers: { authorization: `Bearer ${TOKEN}` } });
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
  while (refused < 50 && (await knock(url, { headers: {} })).includes("401")) refused++;
  assert(refused >= 3 && refused < 50, `${refused}`);
  assertEquals(/401|welcome/.test(await knock(url)), false);
  assertEquals(scene.sockets.length, 0);
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
    assertEquals(await knock(secure, { ca: tls.cert }), "welcome");
    assertEquals(await knock(secure, { ca: tls.cert, headers: {} }), "Unexpected server response: 401");
    assertStringIncludes(await knock(secure), "self-signed");
    assertStringIncludes(await knock(`wss://localhost:${port}`, { ca: tls.cert }), "does not match");
    assert(!(await knock(`ws://127.0.0.1:${port}`)).includes("welcome"), "the front door must not speak in clear");
    assertEquals(await knock(`ws://${scene.listener.localAddress}`), "welcome");
    assertEquals(
      await knock(`ws://${scene.listener.localAddress}`, { headers: {} }),
      "Unexpected server response: 401",
    );
    assert(scene.listener.localAddress.startsWith("127.0.0.1:") && !scene.listener.localAddress.endsWith(`:${port}`));
  }));

Deno.test("listen() with TLS bounds the handshake too", { ignore: withoutTls }, () =>
  withCertificate(async (tls) => {
    await using scene = await open({ tls, limits: { ...DOOR_LIMITS, strangerMs: 50 } });
    assertEquals(await send(scene.listener.address, ""), "");
    assert(!(await send(scene.listener.address, "GET / HTTP/1.1\r\n\r\n")).includes("HTTP"));
  }));
