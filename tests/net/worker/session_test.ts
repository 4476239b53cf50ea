// What a worker's session makes of a coordinator's welcome, and of whoever is not its coordinator.
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Backend } from "../../../shared/engine_names.ts";
import { HerdError } from "../../../shared/errors.ts";
import { proofOf, SUBPROTOCOL } from "../../../shared/handshake.ts";
import { within } from "../../../shared/within.ts";
import { hasOpenssl, makeDatedCertificate } from "../../fixtures/certificates.ts";
import { temporaryDirectory } from "../../fixtures/data_files.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("net", "env", "sys"); // listens on the loopback; ws reads the environment
const { startCluster, TOKEN } = ignore
  ? {} as typeof import("../../fixtures/fake_worker.ts")
  : await import("../../fixtures/fake_worker.ts");
const { runSession } = ignore
  ? {} as typeof import("../../../worker/session.ts")
  : await import("../../../worker/session.ts");

Deno.test("a worker takes the coordinator's wish for an engine, unless it is told one or to choose itself", {
  ignore,
}, async () => {
  const cases: readonly (readonly [Backend | undefined, Backend, Backend])[] = [
    [undefined, "tfjs-cpu", "tfjs-cpu"],
    [undefined, "auto", "auto"],
    ["auto", "tfjs-cpu", "auto"],
    ["simd", "auto", "simd"],
  ];
  for (const [told, wish, taken] of cases) {
    await using cluster = await startCluster({}, { backend: wish });
    let asked: Backend | undefined;
    const session = runSession({
      url: `ws://${cluster.address}`,
      token: TOKEN,
      name: "",
      hostName: "elsewhere",
      ...(told === undefined ? {} : { backend: told }),
      prepare({ backend }) {
        asked = backend;
        throw new HerdError("data", "no further");
      },
      log() {},
    });
    await assertRejects(() => session, HerdError, "no further");
    assertEquals(asked, taken, `told ${told}, wished ${wish}`);
  }
});

Deno.test("a worker takes the time of an engine's phases only where the coordinator wants to know", {
  ignore,
}, async () => {
  for (const traced of [false, true]) {
    await using cluster = await startCluster({}, { traced });
    let isWanted: boolean | undefined;
    const session = runSession({
      url: `ws://${cluster.address}`,
      token: TOKEN,
      name: "",
      hostName: "elsewhere",
      prepare({ onPhase }) {
        isWanted = onPhase !== undefined;
        throw new HerdError("data", "no further");
      },
      log() {},
    });
    await assertRejects(() => session, HerdError, "no further");
    assertEquals(isWanted, traced);
  }
});

const nobody = { name: "", hostName: "elsewhere", prepare: () => Promise.reject(new Error("unwanted")), log() {} };

Deno.test("a worker says which version the coordinator speaks, where that is another", { ignore }, async () => {
  for (
    const [status, headers, sentence] of [
      [426, { "sec-websocket-protocol": "herd.99" }, "the coordinator speaks protocol 99"],
      [401, {}, "the coordinator speaks an older protocol"],
      [426, { "sec-websocket-protocol": "chat" }, "the answer was 426"],
      [404, {}, "the answer was 404"],
    ] as const
  ) {
    const server = createServer();
    let asked = "";
    server.on("upgrade", ({ headers: { authorization, ...rest } }, connection) => {
      asked = `${rest["sec-websocket-protocol"]} ${authorization}`;
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
      connection.end(`HTTP/1.1 ${status} No\r\n${lines}Connection: close\r\n\r\n`);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const error = await assertRejects(() => runSession({ ...nobody, url, token: TOKEN }), HerdError, sentence);
    assertEquals(error.code, "cluster");
    assertEquals(asked, `${SUBPROTOCOL} undefined`);
    await new Promise((resolve) => server.close(resolve));
  }
});

/** Somebody who has taken the coordinator's port. What it hears is in `heard`. */
async function impostor(port: number, answer: (heard: string, n: number) => string | Uint8Array | undefined) {
  const { WebSocketServer } = await import("ws");
  const heard: string[] = [];
  const server = new WebSocketServer({ host: "127.0.0.1", port });
  server.on("connection", (socket, request) => {
    heard.push(JSON.stringify(request.headers));
    socket.on("error", () => {});
    socket.on("message", (data) => {
      const reply = answer(`${data}`, heard.push(`${data}`) - 2);
      if (reply !== undefined) socket.send(reply);
    });
  });
  await new Promise<void>((resolve) => server.once("listening", resolve));
  return {
    heard,
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of server.clients) socket.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

Deno.test(
  "a worker whose coordinator's port somebody else has taken tells him nothing, and ends",
  { ignore },
  async () => {
    const welcomed = Promise.withResolvers<void>();
    const over = Promise.withResolvers<never>();
    let session: Promise<void>;
    let port: number;
    {
      await using cluster = await startCluster();
      port = Number(cluster.address.split(":").at(-1));
      session = runSession({
        ...nobody,
        url: `ws://${cluster.address}`,
        token: TOKEN,
        prepare() {
          welcomed.resolve();
          return over.promise;
        },
      });
      session.catch(() => {});
      await welcomed.promise;
    }
    const nonce = "b".repeat(64);
    // It knows the run's id, which is no secret, but not the token.
    const forged = { runId: "0011223344556677", coordinator: nonce, worker: "" };
    await using thief = await impostor(port, (heard) => {
      const worker = JSON.parse(heard).nonce as string;
      const proof = proofOf("f".repeat(32), "coordinator", { ...forged, worker });
      return JSON.stringify({ type: "challenge", runId: forged.runId, nonce, proof });
    });
    over.reject(new HerdError("cluster", "what was under way is lost with the connection"));
    const error = await assertRejects(() => session, HerdError, "the token is wrong (--token-file)");
    assertEquals(error.code, "cluster");
    assertEquals(thief.heard.length, 2, thief.heard.join("\n"));
    assertStringIncludes(thief.heard[1]!, '"hail"');
    assert(!thief.heard.join().includes(TOKEN));
  },
);

Deno.test("a worker believes nobody who does not prove at once that he knows the token", { ignore }, async () => {
  const proof = "c".repeat(64);
  const attacks: Record<string, (heard: string) => string | Uint8Array | undefined> = {
    "its own nonce as proof": (heard) =>
      JSON.stringify({
        type: "challenge",
        runId: "0".repeat(16),
        nonce: JSON.parse(heard).nonce,
        proof: JSON.parse(heard).nonce,
      }),
    "a worker's proof": (heard) => {
      const transcript = { runId: "0".repeat(16), coordinator: proof, worker: JSON.parse(heard).nonce as string };
      const reflected = proofOf(TOKEN, "worker", transcript);
      return JSON.stringify({ type: "challenge", runId: "0".repeat(16), nonce: proof, proof: reflected });
    },
    "a proof for another run": (heard) => {
      const transcript = { runId: "0".repeat(16), coordinator: proof, worker: JSON.parse(heard).nonce as string };
      const other = proofOf(TOKEN, "coordinator", transcript);
      return JSON.stringify({ type: "challenge", runId: "1".repeat(16), nonce: proof, proof: other });
    },
    "a welcome": () => JSON.stringify({ type: "welcome", runId: "0".repeat(16), step: 0 }),
    "a frame": () => new Uint8Array(100),
    "more than a handshake": () => "x".repeat(5_000),
  };
  for (const [what, answer] of Object.entries(attacks)) {
    await using thief = await impostor(0, answer);
    const url = `ws://127.0.0.1:${thief.port}`;
    const session = within(5_000, runSession({ ...nobody, url, token: TOKEN }), () => new Error(`it believes ${what}`));
    await assertRejects(() => session, HerdError);
    assertEquals(thief.heard.length, 2, what);
  }
});

Deno.test("a worker takes a kilobyte of somebody who has not proved that he knows the token", { ignore }, async () => {
  const { WebSocketServer } = await import("ws");
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  const dropped = Promise.withResolvers<void>();
  server.on("connection", (socket, { socket: connection }) => {
    socket.on("error", () => {});
    socket.once("close", () => dropped.resolve());
    const begun = new DataView(new ArrayBuffer(100_000));
    begun.setUint16(0, 0x827f); // final, binary, 64-bit length
    begun.setBigUint64(2, 400_000_000n);
    socket.once("message", () => connection.write(new Uint8Array(begun.buffer)));
  });
  await new Promise<void>((resolve) => server.once("listening", resolve));
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ended = assertRejects(() => runSession({ ...nobody, url, token: TOKEN }), HerdError, "Could not join");
  await within(5_000, dropped.promise, () => new Error("it waits for more"));
  await ended;
  await new Promise((resolve) => server.close(resolve));
});

Deno.test(
  "a worker calls a coordinator's certificate expired or not valid yet, with the date, and does not try again",
  {
    ignore: ignore || !await granted("run", "read", "write") || !await hasOpenssl(),
  },
  async () => {
    using folder = temporaryDirectory();
    const cases = [
      {
        name: "old",
        from: "20200101000000Z",
        to: "20210101000000Z",
        sentence: "has expired on Jan  1 00:00:00 2021 GMT",
      },
      {
        name: "new",
        from: "21000101000000Z",
        to: "21010101000000Z",
        sentence: "is not valid before Jan  1 00:00:00 2100",
      },
    ];
    for (const { sentence, ...dates } of cases) {
      const files = await makeDatedCertificate(folder.path, ["IP:127.0.0.1"], dates);
      const [cert, key] = [await Deno.readTextFile(files.cert), await Deno.readTextFile(files.key)];
      await using cluster = await startCluster({}, { tls: { cert, key } });
      const session = runSession({
        url: cluster.url,
        token: TOKEN,
        authority: cert,
        name: "",
        hostName: "elsewhere",
        prepare: () => Promise.reject(new Error("it must not come to this")),
        log() {},
      });
      const { code, message } = await assertRejects(() => session, HerdError);
      assertEquals(code, "cluster");
      assertStringIncludes(message, `its certificate ${sentence}`);
    }
  },
);
