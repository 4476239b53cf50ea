// Fetching the real data set from a server that behaves, breaks off, stalls, lies or is not there. The archives are
// small ones with their own sizes and hashes.
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { dirname, join } from "node:path";
import type { DataProgress } from "../../../data/dataset_info.ts";
import { type Deadlines, NoConnectionError } from "../../../data/download.ts";
import type { Archive } from "../../../data/horses_or_humans.ts";
import { type ResolveOptions, resolveWith } from "../../../data/resolve.ts";
import { PROGRESS_LIMITS } from "../../../shared/progress.ts";
import { HerdError } from "../../../shared/errors.ts";
import * as fixtures from "../../fixtures/data_files.ts";

const CONTENT: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  "horse-or-human.zip": fixtures.zip(fixtures.classFiles("", 6)),
  "validation-horse-or-human.zip": fixtures.zip(fixtures.classFiles("", 2)),
};
const [TRAIN, TEST] = Object.values(CONTENT) as [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>];
const SMALL: readonly Archive[] = Object.entries(CONTENT).map(([name, bytes]) => ({
  name,
  bytes: bytes.length,
  sha256: fixtures.sha256(bytes),
}));
const HALF = TRAIN.length >> 1;
/** Long where nothing should time out; no pauses. */
const PATIENT: Deadlines = { connect: 60_000, progress: PROGRESS_LIMITS, pauses: [0, 0, 0] };
/** Who sends nothing for so many milliseconds, or fewer than 1000 bytes a second, stalls. */
const within = (milliseconds: number): Deadlines => ({
  ...PATIENT,
  progress: { lookMs: milliseconds / 10, looks: 10, bytesPerLook: milliseconds / 10 },
});

type Answer = (request: Request, bytes: Uint8Array<ArrayBuffer>) => Response | Promise<Response>;

/** An honest server: whole files, or the asked-for rest. */
const honest: Answer = (request, bytes) => {
  const from = /^bytes=(\d+)-$/.exec(request.headers.get("range") ?? "")?.[1];
  if (from === undefined) return new Response(bytes);
  const headers = { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` };
  return new Response(bytes.subarray(Number(from)), { status: 206, headers });
};
const ignoringRanges: Answer = (_, bytes) => new Response(bytes);

/** Sends some bytes, then breaks the connection, or hangs. */
function partly(bytes: Uint8Array<ArrayBuffer>, { then }: { then: "break" | "hang" }): Response {
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      if (controller.desiredSize === 1) controller.enqueue(bytes);
      if (then === "break") controller.error(new Error("broken on purpose"));
      return new Promise(() => {});
    },
  });
  return new Response(body);
}

interface Scene {
  readonly cacheDir: string;
  readonly downloads: string;
  /** Requests seen: name and Range header. */
  readonly requests: string[];
  readonly notices: string[];
  readonly progress: DataProgress[];
  resolve(changes?: Partial<ResolveOptions>, deadlines?: Deadlines): ReturnType<typeof resolveWith>;
  /** Answers for the requests from now on, one each; the last one stays. */
  script(...answers: Answer[]): void;
  /** From now on nobody listens. */
  stop(): Promise<void>;
}

function test(name: string, run: (scene: Scene) => Promise<void>): void {
  Deno.test({
    name,
    ignore: fixtures.WITHOUT_NETWORK,
    fn: async () => {
      using directory = fixtures.temporaryDirectory();
      await using server = serve();
      const cacheDir = join(directory.path, "cache");
      const environment = { cacheDir, dataUrl: server.url };
      const [notices, progress]: [string[], DataProgress[]] = [[], []];
      await run({
        ...server,
        cacheDir,
        downloads: join(cacheDir, "downloads"),
        notices,
        progress,
        resolve: (changes, deadlines = PATIENT) =>
          resolveWith({
            data: "auto",
            imageSize: 12,
            environment,
            onNotice: (text) => notices.push(text),
            onProgress: (event) => progress.push(event),
            ...changes,
          }, { archives: SMALL, deadlines, counts: { train: [2, 2], test: [1, 1] } }),
      });
    },
  });
}

function serve() {
  const requests: string[] = [];
  let answers: Answer[] = [honest];
  const ended = new AbortController();
  const server = Deno.serve({
    port: 0,
    hostname: "127.0.0.1",
    signal: ended.signal,
    onListen() {},
    onError: () => new Response(null, { status: 500 }),
  }, (request) => {
    const name = new URL(request.url).pathname.slice("/base/".length);
    requests.push([name, request.headers.get("range")].filter(Boolean).join(" "));
    const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
    return answer(request, CONTENT[name]!);
  });
  const stop = async () => {
    ended.abort();
    await server.finished;
  };
  return {
    requests,
    url: `http://127.0.0.1:${server.addr.port}/base`,
    script: (...next: Answer[]) => void (answers = next),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

const TRAIN_REQUEST = "horse-or-human.zip";
const TEST_REQUEST = "validation-horse-or-human.zip";
const partPath = ({ downloads }: Scene) => join(downloads, "horse-or-human.zip.part");

function leavePart(scene: Scene, bytes: Uint8Array): void {
  Deno.mkdirSync(dirname(partPath(scene)), { recursive: true });
  Deno.writeFileSync(partPath(scene), bytes);
}

/** The hash of the data set in the archives. */
let expectedHash: string | undefined;
async function assertComplete(scene: Scene, resolving: ReturnType<Scene["resolve"]>): Promise<void> {
  const { info, fallback } = await resolving;
  assertEquals(fallback, false);
  assertEquals(info.classCounts, { horses: [6, 2], humans: [6, 2] });
  expectedHash ??= info.sha256;
  assertEquals(info.sha256, expectedHash);
  assertEquals(fixtures.filesBelow(scene.downloads), [TRAIN_REQUEST, TEST_REQUEST]);
}

test("auto fetches, checks and packs the archives, and needs nothing of it the next time", async (scene) => {
  await assertComplete(scene, scene.resolve());
  assertEquals(scene.requests, [TRAIN_REQUEST, TEST_REQUEST]);
  const bytes = scene.progress.filter(({ phase }) => phase === "download");
  assertEquals(bytes.at(-1)?.done, TRAIN.length + TEST.length);
  assert(bytes.every(({ total, unit }) => total === TRAIN.length + TEST.length && unit === "bytes"));
  const done = bytes.map((event) => event.done);
  assertEquals(done, [...done].sort((a, b) => a - b));
  await scene.stop();
  await assertComplete(scene, scene.resolve());
  // Another size is made from the archives …
  assertEquals((await scene.resolve({ imageSize: 6 })).info.imageSize, 6);
  // … and what is packed is enough by itself.
  Deno.removeSync(scene.downloads, { recursive: true });
  assertEquals((await scene.resolve({ data: "horses-or-humans" })).info.sha256, expectedHash!);
  assertEquals(scene.notices, []);
});

test("a download that broke off earlier is resumed", async (scene) => {
  leavePart(scene, TRAIN.subarray(0, HALF));
  await assertComplete(scene, scene.resolve());
  assertEquals(scene.requests, [`${TRAIN_REQUEST} bytes=${HALF}-`, TEST_REQUEST]);
});

test("a part that is complete needs no request, one that is too long starts again", async (scene) => {
  leavePart(scene, TRAIN);
  Deno.writeFileSync(join(scene.downloads, `${TEST_REQUEST}.part`), new Uint8Array(TEST.length + 1));
  await assertComplete(scene, scene.resolve());
  assertEquals(scene.requests, [TEST_REQUEST]);
});

test("a server that ignores Range is taken from its start", async (scene) => {
  leavePart(scene, TRAIN.subarray(0, HALF));
  scene.script(ignoringRanges);
  await assertComplete(scene, scene.resolve());
});

test("a server that refuses the range or sends another one is asked again from the start", async (scene) => {
  leavePart(scene, TRAIN.subarray(0, HALF));
  scene.script(() => new Response(null, { status: 416 }), honest);
  await assertComplete(scene, scene.resolve());
  assertEquals(scene.requests, [`${TRAIN_REQUEST} bytes=${HALF}-`, TRAIN_REQUEST, TEST_REQUEST]);
  Deno.removeSync(scene.cacheDir, { recursive: true });
  leavePart(scene, TRAIN.subarray(0, HALF));
  const headers = { "content-range": `bytes 5-${TRAIN.length - 1}/${TRAIN.length}` };
  scene.script((_, bytes) => new Response(bytes.subarray(5), { status: 206, headers }), honest);
  await assertComplete(scene, scene.resolve());
});

test("a download that breaks off midway goes on where it stopped", async (scene) => {
  scene.script((_, bytes) => partly(bytes.subarray(0, HALF), { then: "break" }), honest);
  await assertComplete(scene, scene.resolve());
  assertEquals(scene.requests.length, 3);
  assertMatch(scene.requests[1]!, /^horse-or-human\.zip( bytes=\d+-)?$/);
});

test("a server that stalls is left and asked again", async (scene) => {
  scene.script((_, bytes) => partly(bytes.subarray(0, HALF), { then: "hang" }), honest);
  await assertComplete(scene, scene.resolve({}, within(1000)));
  assertEquals(scene.requests.slice(0, 2), [TRAIN_REQUEST, `${TRAIN_REQUEST} bytes=${HALF}-`]);
});

test("a server that sends a byte now and then for ever is left and asked again", async (scene) => {
  let sent = 0;
  let pause = Promise.resolve();
  const dawdling: Answer = (_, bytes) =>
    new Response(
      new ReadableStream<Uint8Array<ArrayBuffer>>({
        async pull(controller) {
          pause = new Promise((resolve) => setTimeout(resolve, 50));
          await pause;
          controller.enqueue(bytes.subarray(sent, ++sent));
        },
      }, { highWaterMark: 0 }),
    );
  scene.script(dawdling, honest);
  await assertComplete(scene, scene.resolve({}, within(1000)));
  assertMatch(scene.requests[1]!, /^horse-or-human\.zip bytes=\d+-$/);
  assert(sent < TRAIN.length, "it would have gone on");
  // The server may hear late that it was left.
  await pause;
});

test("a busy server is asked again", async (scene) => {
  const busy = () => new Response("later", { status: 503 });
  scene.script(busy, busy, honest);
  await assertComplete(scene, scene.resolve());
});

test("a download that keeps breaking off is given up, and its part stays", async (scene) => {
  scene.script((_, bytes) => partly(bytes.subarray(0, 10), { then: "hang" }));
  const error = await assertRejects(() => scene.resolve({}, within(100)), HerdError);
  assertEquals([error.code, error instanceof NoConnectionError], ["data", false]);
  assertStringIncludes(error.message, "broke off 4 times");
  assertEquals(fixtures.filesBelow(scene.downloads), [`${TRAIN_REQUEST}.part`]);
  scene.script(honest);
  await assertComplete(scene, scene.resolve());
});

test("a server that thinks longer than the connection may take is not a missing connection", async (scene) => {
  scene.script(async (request, bytes) => {
    await new Promise((resolve) => setTimeout(resolve, 1500));
    return honest(request, bytes);
  }, honest);
  await assertComplete(scene, scene.resolve({}, { ...PATIENT, connect: 700 }));
});

const wrong = TRAIN.slice();
wrong[HALF]! ^= 1;
const LIES: Record<string, [Answer, ...string[]]> = {
  "a wrong hash": [() => new Response(wrong), "SHA-256", SMALL[0]!.sha256],
  "a wrong size": [() => new Response(TEST), `${TEST.length} bytes instead of ${TRAIN.length}`],
  "a file that is too long, of unknown size": [
    () => new Response(new Blob([TRAIN, TEST]).stream()),
    `more than ${TRAIN.length} bytes`,
  ],
  "404": [() => new Response("no", { status: 404 }), "404"],
  "403": [() => new Response("no", { status: 403 }), "403"],
};
for (const [what, [answer, ...parts]] of Object.entries(LIES)) {
  test(`${what} is an error, not a reason to fall back`, async (scene) => {
    scene.script(answer);
    const error = await assertRejects(() => scene.resolve(), HerdError);
    assertEquals([error.code, error instanceof NoConnectionError], ["data", false]);
    for (const part of parts) assertStringIncludes(error.message, part);
    assert(!fixtures.filesBelow(scene.cacheDir).includes(`downloads/${TRAIN_REQUEST}`));
    scene.script(honest);
    await assertComplete(scene, scene.resolve());
  });
}

test("without a connection auto draws its own images and says so in capitals", async (scene) => {
  await scene.stop();
  const { info, fallback } = await scene.resolve();
  assertEquals([info.name, fallback, scene.notices.length], ["procedural", true, 1]);
  assertMatch(scene.notices[0]!, /^NO CONNECTION [A-Z :]+PROCEDURAL[A-Z ]+/);
  assertEquals((await scene.resolve()).fallback, true);
});

test("a damaged packed file is made again from the archives, and nothing else stands in for them", async (scene) => {
  const first = await scene.resolve();
  const sound = Deno.readFileSync(first.path);
  const damage = () =>
    Deno.writeFileSync(first.path, sound.map((byte, i) => i < sound.length - 100 ? byte : 255 - byte));
  damage();
  assertEquals(await scene.resolve(), first);
  assertEquals(Deno.readFileSync(first.path), sound);
  damage();
  Deno.removeSync(scene.downloads, { recursive: true });
  await scene.stop();
  const error = await assertRejects(() => scene.resolve(), HerdError, `Cannot make the damaged '${first.path}' anew`);
  assertEquals(error.code, "data");
});

test("an explicit name never falls back", async (scene) => {
  await scene.stop();
  const error = await assertRejects(() => scene.resolve({ data: "horses-or-humans" }), NoConnectionError);
  assertEquals(error.code, "data");
  assertStringIncludes(error.message, "HERD_DATA_DIR");
  const { info, fallback } = await scene.resolve({ data: "procedural" });
  assertEquals([info.name, fallback], ["procedural", false]);
});

test("an archive in the cache that was changed since is an error", async (scene) => {
  leavePart(scene, wrong);
  Deno.renameSync(partPath(scene), join(scene.downloads, TRAIN_REQUEST));
  await assertRejects(() => scene.resolve(), HerdError, "delete it and run again");
  assertEquals(scene.requests, []);
});

test("two processes that want the same archive fetch it once", async (scene) => {
  await Promise.all([assertComplete(scene, scene.resolve()), assertComplete(scene, scene.resolve())]);
  assertEquals([...scene.requests].sort(), [TRAIN_REQUEST, TEST_REQUEST]);
});

test("an aborted download ends with the signal's reason, and its part stays", async (scene) => {
  const controller = new AbortController();
  const reason = new HerdError("interrupted", "Interrupted");
  scene.script((_, bytes) => partly(bytes.subarray(0, HALF), { then: "hang" }));
  const resolving = scene.resolve({ signal: controller.signal, onProgress: () => controller.abort(reason) });
  assertEquals(await assertRejects(() => resolving, HerdError), reason);
  assertEquals(Deno.statSync(partPath(scene)).size, HALF);
});

test("HERD_DATA_DIR goes before the network, and a bad one is an error", async (scene) => {
  const dataDir = join(scene.cacheDir, "..", "mine");
  const environment = { cacheDir: scene.cacheDir, dataDir };
  await assertRejects(() => scene.resolve({ environment }), HerdError, "HERD_DATA_DIR");
  fixtures.writeFiles(dataDir, fixtures.splitFiles());
  assertEquals((await scene.resolve({ environment })).info.name, "mine");
  // Small, so not the real set: the explicit name insists.
  await assertRejects(() => scene.resolve({ environment, data: "horses-or-humans" }), HerdError, "'mine'");
  assertEquals(scene.requests, []);
});

for (const dataUrl of ["ftp://x/", "nonsense"]) {
  test(`HERD_DATA_URL '${dataUrl}' is an error`, async ({ cacheDir, resolve }) => {
    await assertRejects(() => resolve({ environment: { cacheDir, dataUrl } }), HerdError, "HERD_DATA_URL");
  });
}
