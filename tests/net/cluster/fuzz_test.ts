// Whatever a connection sends, in whatever state it is: the run never fails by it, and the step under way ends with the bits
// that an honest worker alone gets.
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
// @ts-types="@types/ws"
import type { WebSocket } from "ws";
import { configHash } from "../../../shared/config.ts";
import { encodeFrame, type Frame } from "../../../shared/frames.ts";
import { parameterCount } from "../../../shared/model.ts";
import { proofOf, SUBPROTOCOL } from "../../../shared/handshake.ts";
import type { WorkerMessage } from "../../../shared/protocol.ts";
import { within } from "../../../shared/within.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("net", "env"); // listens on the loopback; ws reads the environment
const { CONFIG, FakeWorker, startCluster, TOKEN } = ignore
  ? {} as typeof import("../../fixtures/fake_worker.ts")
  : await import("../../fixtures/fake_worker.ts");

const { joinCoordinator } = ignore
  ? {} as typeof import("../../../worker/join.ts")
  : await import("../../../worker/join.ts");

const RUN = "0011223344556677";
const SAMPLES = { seed: 0, epoch: 1, ids: [1, 2, 3, 4, 5, 6, 7] };
const LEAVES = 4;
const WEIGHTS = ignore ? new Float32Array() : new Float32Array(parameterCount(CONFIG.model)).fill(0.25);

/** How far a connection goes by the rules before it breaks them. */
const STATES = ["stranger", "before hello", "after welcome", "ready", "working"] as const;

/** Numbers that break arithmetic, and small ones that hit something. */
const number = fc.oneof(
  fc.integer({ min: -2, max: 5 }),
  fc.constantFrom(2 ** 31, 2 ** 32 - 1, 2 ** 53, 1e308, 0.5, -0),
  fc.double(),
);
const value = fc.oneof(
  { weight: 3, arbitrary: number },
  { weight: 1, arbitrary: fc.jsonValue() },
  { weight: 1, arbitrary: fc.constantFrom("", RUN, "__proto__", "r1", "f", "x".repeat(20_000), "\u001b[2J\u202e") },
);

const envelope = { runId: RUN, step: 1 };
const sound: fc.Arbitrary<WorkerMessage> = fc.oneof(
  fc.record({ pid: fc.integer({ min: 2, max: 9 }), name: fc.constantFrom("", "r1", "w1") }).map((who) => (
    { ...envelope, type: "hello" as const, host: "", ...who }
  )),
  fc.constant({ ...envelope, type: "manifest-request" as const }),
  fc.nat(3).map((index) => ({ ...envelope, type: "chunk-request" as const, index })),
  fc.constantFrom("compiling", "").map((text) => ({ ...envelope, type: "preparing" as const, text })),
  fc.constantFrom("f", "g").map((fingerprint) => ({
    ...envelope,
    type: "ready" as const,
    configHash: "?", // the right one, as long as nobody changes it
    engine: "tfjs-cpu" as const,
    adapter: "fake",
    fingerprint,
    leafMilliseconds: 1,
  })),
  fc.tuple(fc.nat(3), fc.nat(50)).map(([leaves, milliseconds]) => (
    { ...envelope, type: "heartbeat" as const, leaves, milliseconds }
  )),
  fc.nat(9_999).map((microseconds) => ({ ...envelope, type: "clock" as const, microseconds })),
  fc.tuple(fc.nat(4), fc.nat(LEAVES), fc.nat(9)).map(([attempt, index, time]) => ({
    ...envelope,
    type: "spans" as const,
    attempt,
    level: 0,
    index,
    made: [0, time] as const,
    phases: [["read", index, 0, time] as const],
    sent: [time, time] as const,
  })),
  fc.tuple(fc.string(), fc.boolean()).map(([message, again]) => (
    { ...envelope, type: "failed" as const, message, again }
  )),
);

/** A message of which some fields are something else, or gone. */
const mutated = fc.tuple(sound, fc.array(fc.tuple(fc.nat(9), fc.option(value)), { maxLength: 2 })).map((
  [message, changes],
) => {
  const fields = Object.entries(message);
  for (const [at, changed] of changes) {
    const i = at % fields.length;
    if (fields[i] === undefined) continue;
    if (changed === null) fields.splice(i, 1);
    else fields[i]![1] = changed as never;
  }
  return JSON.stringify(Object.fromEntries(fields));
});

/**
 * A sound frame around nonsense: its checksum says nothing of what is in it. Something is always wrong, since nobody can tell
 * a lie in the right form from the truth.
 */
const frame: fc.Arbitrary<Frame> = fc.record({
  kind: fc.constantFrom("partial" as const, "predictions" as const, "weights" as const, "chunk" as const),
  step: fc.constantFrom(0, 1, 2, 2 ** 32 - 1),
  attempt: fc.oneof(fc.nat(4), fc.constant(2 ** 32 - 1)),
  level: fc.oneof(fc.nat(3), fc.constantFrom(31, 32, 33, 1024, 2 ** 32 - 1)),
  index: fc.oneof(fc.nat(LEAVES), fc.constantFrom(2 ** 31, 2 ** 32 - 1)),
  wrong: fc.constantFrom("weights" as const, "length" as const),
  samples: fc.nat(8),
  compress: fc.constantFrom("none" as const, "fp16" as const, "bf16" as const),
}).map(({ kind, step, attempt, level, index, wrong, samples, compress }): Frame => {
  const size = wrong === "length" ? samples : parameterCount(CONFIG.model);
  const about = { step, attempt, index, weights: wrong === "weights" ? 7 : 0 };
  const losses = new Float32Array(samples);
  if (kind === "chunk") return { kind, index, bytes: new Uint8Array(size) };
  if (kind === "weights") return { kind, step, weights: new Float32Array(size), compress };
  if (kind === "predictions") return { kind, ...about, losses, logits: losses };
  return { kind, ...about, level, gradient: new Float32Array(size), losses, logits: losses, compress };
});

/** A frame as it is sent, with bytes of it changed or cut off. */
const bytes = fc.tuple(frame, fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 1 }), fc.option(fc.nat(80))).map(
  ([frame, changes, length]) => {
    const bytes = encodeFrame(RUN, frame);
    for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
    return length === null ? bytes : bytes.slice(0, length);
  },
);

const payload: fc.Arbitrary<string | Uint8Array> = fc.oneof(
  { weight: 4, arbitrary: mutated },
  { weight: 1, arbitrary: fc.oneof(fc.string(), fc.json()) },
  { weight: 4, arbitrary: frame.map((frame) => encodeFrame(RUN, frame)) },
  { weight: 2, arbitrary: bytes },
);

/** A connection that can send anything. */
class Attacker {
  readonly #socket: WebSocket;
  readonly #closed: Promise<void>;
  #heard = new Set<string>();
  #notify = () => {};

  constructor(socket: WebSocket) {
    this.#socket = socket;
    this.#closed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.on("error", () => {}); // "close" tells
    socket.on("message", (data, isBinary) => {
      if (isBinary) return;
      this.#heard.add((JSON.parse(`${data}`) as { readonly type: string }).type);
      this.#notify();
    });
  }

  send(payload: string | Uint8Array): void {
    this.#socket.send(payload, () => {});
  }

  /** Resolves when such a message has come, or the connection is closed. */
  async hears(type: string): Promise<void> {
    const heard = new Promise<void>((resolve) => this.#notify = () => this.#heard.has(type) && resolve());
    this.#notify();
    await within(10_000, Promise.race([heard, this.#closed]), () => new Error(`no "${type}" has come`));
  }

  /** Resolves when the other end has read everything so far. */
  async flush(): Promise<void> {
    const pong = new Promise<void>((resolve) => this.#socket.once("pong", () => resolve()));
    this.#socket.ping(undefined, undefined, () => {});
    await Promise.race([pong, this.#closed]);
  }

  async leave(): Promise<void> {
    this.#socket.terminate();
    await this.#closed;
  }
}

async function openedSocket(url: string): Promise<WebSocket> {
  const { WebSocket } = await import("ws");
  const socket = new WebSocket(url, SUBPROTOCOL);
  await new Promise((resolve) => socket.once("open", resolve).once("error", resolve));
  return socket;
}

Deno.test("fuzz: no connection ever fails the run, and its step ends with the quiet bits", { ignore }, async () => {
  const hash = await configHash(CONFIG);
  const quiet = await (async () => {
    await using cluster = await startCluster();
    const worker = await FakeWorker.join(cluster);
    await cluster.waitForMembers(1, 5_000);
    await cluster.setWeights(WEIGHTS);
    const sum = await cluster.gradients(SAMPLES);
    cluster.stop();
    await worker.closed;
    return sum;
  })();

  const over = Promise.withResolvers<void>();
  // Everybody is late at once, so that whoever comes gets the honest worker's leaves too; nobody is dropped for silence.
  const limits = { leaf: { first: 600_000, floor: 600_000 }, pace: { floor: 1, ceiling: 1 } };
  let working = 0;
  await using cluster = await startCluster({}, {
    limits,
    traced: true,
    door: {
      connections: 100,
      strangers: 100,
      strangerMs: 10_000,
      failures: 1e9,
      forgetMs: 1,
      addresses: 10,
      countLoopback: false,
    },
    dataset: {
      manifest: () => Promise.resolve({ byteLength: 3, chunkBytes: 2, hashes: ["0", "1"] }),
      readChunk: () => new Uint8Array(2),
    },
  });
  const honest = await FakeWorker.join(cluster, { before: () => over.promise });
  await cluster.waitForMembers(1, 5_000);
  await cluster.setWeights(WEIGHTS);
  const sum = cluster.gradients(SAMPLES);
  let failure: unknown;
  sum.catch((error) => failure = error);

  let pid = 100;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...STATES),
      fc.array(payload, { minLength: 1, maxLength: 12, size: "max" }),
      async (state, payloads) => {
        const url = `ws://${cluster.address}`;
        const joined = state === "stranger" ? undefined : await joinCoordinator({ url, token: TOKEN });
        const attacker = new Attacker(joined?.socket ?? await openedSocket(url));
        if (joined !== undefined && state !== "before hello") {
          // A launcher's, since others are not let in any more once one of them is excluded.
          const name = `x${pid++}`;
          const proof = proofOf(cluster.expect(name, { isOwn: false }), `worker ${name}`, joined.transcript);
          const who = { name, proof, host: "", pid };
          attacker.send(JSON.stringify({ ...envelope, runId: "", step: 0, type: "hello", ...who }));
          await attacker.hears("welcome");
        }
        if (state === "ready" || state === "working") {
          const claim = { configHash: hash, engine: "tfjs-cpu", adapter: "", fingerprint: "f", leafMilliseconds: 1 };
          attacker.send(JSON.stringify({ ...envelope, step: 0, type: "ready", ...claim }));
        }
        if (state === "working") {
          await attacker.hears("work");
          working++;
        }
        for (const one of payloads) {
          attacker.send(typeof one === "string" ? one.replace('"configHash":"?"', `"configHash":"${hash}"`) : one);
        }
        await attacker.flush();
        await attacker.leave();
        if (failure !== undefined) throw failure;
        assert(cluster.members.some(({ pid }) => pid === 1), "the honest worker is there");
      },
    ),
    { seed: 21, numRuns: 400 },
  );
  over.resolve();
  assertEquals((await sum).gradient, quiet.gradient);
  const { badAnswers, staleAnswers, workersLost } = cluster.faults;
  const hits = { badAnswers, staleAnswers, workersLost, working };
  for (const [what, count] of Object.entries(hits)) assert(count > 0, `${what} was not hit: ${JSON.stringify(hits)}`);
  cluster.stop();
  await honest.closed;
});
