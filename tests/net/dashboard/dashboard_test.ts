// The dashboard's server against real sockets: who may look, who may stop, and what becomes of those who are slow.
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import type { Dashboard as Shown, DashboardOptions } from "../../../coordinator/dashboard/dashboard.ts";
import { EventBus } from "../../../coordinator/events/mod.ts";
import { HerdError } from "../../../shared/errors.ts";
import { readServerCertificate } from "../../../shared/certificates.ts";
import { hasOpenssl, makeCertificate } from "../../fixtures/certificates.ts";
import { temporaryDirectory } from "../../fixtures/data_files.ts";
import { within } from "../../../shared/within.ts";
import { DATASET, epochEvent, epochRecord, FACTS, stepEvent } from "../../fixtures/events.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("net", "read", "write", "env", "sys"); // listens on the loopback, and keeps a key
const { Dashboard } = ignore
  ? {} as typeof import("../../../coordinator/dashboard/dashboard.ts")
  : await import("../../../coordinator/dashboard/dashboard.ts");
const { request } = ignore ? {} as typeof import("node:http") : await import("node:http");
const { request: secureRequest } = ignore ? {} as typeof import("node:https") : await import("node:https");
const { connect } = ignore ? {} as typeof import("node:net") : await import("node:net");

const RUN_ID = "0011223344556677";
const DEADLINE_MS = 10_000;

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

class Scene implements AsyncDisposable {
  readonly bus = new EventBus();
  stops = 0;
  #folder = "";
  #dashboard: Shown | undefined;

  static async open(changes: Partial<DashboardOptions> = {}): Promise<Scene> {
    const scene = new Scene();
    scene.#folder = changes.cacheDir ?? await Deno.makeTempDir({ prefix: "herd-test-" });
    scene.#dashboard = await Dashboard.start({
      address: { hostname: "127.0.0.1", port: 0 },
      tls: undefined,
      runId: RUN_ID,
      bus: scene.bus,
      cacheDir: scene.#folder,
      silences: () => ({}),
      stop: () => scene.stops++,
      ...changes,
    });
    scene.bus.emit({ type: "dataset", ...DATASET });
    scene.bus.emit({ type: "run", ...FACTS });
    return scene;
  }

  get cacheDir(): string {
    return this.#folder;
  }

  get link(): URL {
    return new URL(this.#dashboard!.link);
  }

  get secret(): string {
    return this.link.hash.slice(1);
  }

  /** Headers that a page of the dashboard's own sends. */
  get own(): Record<string, string> {
    return { host: this.link.host, origin: this.link.origin };
  }

  async ask(path: string, headers: Record<string, string> = {}, body?: string): Promise<Answer> {
    const { hostname, port } = this.link;
    const method = body === undefined ? "GET" : "POST";
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const asked = request({ hostname, port, path, method, headers, agent: false }, async (response) => {
      let text = "";
      for await (const chunk of response) text += chunk;
      resolve({ status: response.statusCode!, headers: response.headers, text });
    });
    asked.on("error", reject);
    asked.end(body);
    return await within(DEADLINE_MS, promise, () => new Error(`${path} is not answered`));
  }

  /** Comes in by the first link. */
  async comeIn(): Promise<{ cookie: string; "x-herd-token": string }> {
    const { status, headers, text } = await this.ask("/session", this.own, this.secret);
    assertEquals(status, 200);
    return { cookie: `${headers["set-cookie"]}`.split(";")[0]!, "x-herd-token": text };
  }

  /** The events of a stream, as name and data, until it ends. */
  async *listen(headers: Record<string, string>): AsyncGenerator<[string, Record<string, unknown>]> {
    const { hostname, port } = this.link;
    const asked = request({ hostname, port, path: "/events", headers, agent: false });
    const response = await new Promise<AsyncIterable<Uint8Array>>((resolve) => {
      asked.on("response", resolve);
      asked.end();
    });
    let rest = "";
    try {
      for await (const chunk of response) {
        const parts = (rest + new TextDecoder().decode(chunk)).split("\n\n");
        rest = parts.pop()!;
        for (const part of parts) {
          const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(part) ?? [];
          if (name !== undefined) yield [name, JSON.parse(data!)];
        }
      }
    } finally {
      asked.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dashboard![Symbol.asyncDispose]();
    await Deno.remove(this.#folder, { recursive: true }).catch(() => {});
  }
}

const NO_GC = { arm: "no-gc", seed: 0 } as const;
const flush = () => new Promise((resolve) => setTimeout(resolve, 50)); // connections close

Deno.test(
  "the dashboard's page has no secret, loads nothing from elsewhere and cannot be framed",
  { ignore },
  async () => {
    await using scene = await Scene.open();
    const { status, headers, text } = await scene.ask("/", { host: scene.link.host });
    assertEquals(status, 200);
    assertStringIncludes(`${headers["content-security-policy"]}`, "default-src 'none'");
    assertStringIncludes(`${headers["content-security-policy"]}`, "frame-ancestors 'none'");
    assert(!/unsafe|https?:/.test(`${headers["content-security-policy"]}`));
    assert(!text.includes(scene.secret));
    const paths = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path!);
    assert(paths.length >= 4 && paths.every((path) => path.startsWith("/")));
    const modules = [
      "/page/charts.ts",
      "/page/figures.ts",
      "/page/sections.ts",
      "/page/tables.ts",
      "/shared/cli/format.ts",
    ];
    for (const path of [...paths, ...modules]) {
      const asset = await scene.ask(path, { host: scene.link.host });
      assertEquals([asset.status, asset.text.length > 0], [200, true], path);
    }
    for (const path of ["/none", "/../deno.json", "/page/%2e%2e/mod.ts", "//"]) {
      assertEquals((await scene.ask(path, { host: scene.link.host })).status, 404, path);
    }
    await flush();
  },
);

Deno.test("the dashboard's link opens once, and without its cookie nobody sees anything", { ignore }, async () => {
  await using scene = await Scene.open();
  const { own } = scene;
  for (const wrong of ["", "0".repeat(64), scene.secret.slice(1)]) {
    assertEquals((await scene.ask("/session", own, wrong)).status, 403);
  }
  assertEquals((await scene.ask("/session", own, "x".repeat(2_000))).status, 413);
  const { headers, text: token } = await scene.ask("/session", own, scene.secret);
  const cookie = `${headers["set-cookie"]}`;
  for (const attribute of ["HttpOnly", "SameSite=Strict", `herd-${RUN_ID}=`]) assertStringIncludes(cookie, attribute);
  assertEquals((await scene.ask("/session", own, scene.secret)).status, 403, "a second time");
  const pair = cookie.split(";")[0]!;
  for (const wrong of ["", "herd=x", pair.replace(RUN_ID, "other"), `${pair}0`, `herd-${RUN_ID}=${token}`]) {
    assertEquals((await scene.ask("/events", { ...own, cookie: wrong })).status, 403, wrong);
  }
  for await (const [name] of scene.listen({ ...own, cookie: `other=1; ${pair}` })) {
    assertEquals(name, "everything");
    break;
  }
  await flush();
});

Deno.test("foreign pages and foreign names for the dashboard are refused", { ignore }, async () => {
  await using scene = await Scene.open();
  const { port, host, origin } = scene.link;
  const session = await scene.comeIn();
  const foreign: Record<string, string>[] = [
    { host: `evil.example:${port}` },
    { host: `evil.example:${port}`, origin: `http://evil.example:${port}` },
    { host: `127.0.0.1.evil.example:${port}` },
    { host, origin: "https://evil.example" },
    { host, origin: "null" },
    { host, origin: "http://127.0.0.1:1" },
    { host, origin: `https://127.0.0.1:${port}` },
  ];
  for (const headers of foreign) {
    for (const path of ["/", "/events"]) {
      assertEquals((await scene.ask(path, { ...session, ...headers })).status, 403, JSON.stringify(headers));
    }
    for (const path of ["/stop", "/link", "/session"]) {
      assertEquals((await scene.ask(path, { ...session, ...headers }, "")).status, 403, JSON.stringify(headers));
    }
  }
  // As a picture of a page on another port, which says no origin.
  const picture = { ...session, host, "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors" };
  assertEquals((await scene.ask("/events", picture)).status, 403);
  assertEquals((await scene.ask("/stop", { ...session, host }, "")).status, 403, "no page at all");
  assertEquals(scene.stops, 0);
  const named = { host: `localhost:${port}`, origin: `http://localhost:${port}` };
  assertEquals((await scene.ask("/stop", { ...session, ...named }, "")).status, 200);
  assertEquals([scene.stops, origin.startsWith("http://127.0.0.1:")], [1, true]);
  await flush();
});

Deno.test(
  "the dashboard's link names an address: whose page comes up for localhost is not known",
  { ignore },
  async () => {
    await using scene = await Scene.open({ address: { hostname: "localhost", port: 0 } });
    assert(["127.0.0.1", "[::1]"].includes(scene.link.hostname), scene.link.hostname);
    await flush();
  },
);

Deno.test("only whoever has cookie and token stops the run or lets others in", { ignore }, async () => {
  await using scene = await Scene.open();
  const { own } = scene;
  const { cookie, "x-herd-token": token } = await scene.comeIn();
  for (const path of ["/stop", "/link"]) {
    for (const headers of [{}, { cookie }, { "x-herd-token": token }, { cookie, "x-herd-token": "0".repeat(64) }]) {
      assertEquals((await scene.ask(path, { ...own, ...headers } as Record<string, string>, "")).status, 403);
    }
    assertEquals((await scene.ask(path, { ...own, cookie, "x-herd-token": token })).status, 404, "only by POST");
  }
  assertEquals(scene.stops, 0);
  const further = await scene.ask("/link", { ...own, cookie, "x-herd-token": token }, "");
  const other = await scene.ask("/session", own, further.text);
  assertEquals([further.status, other.status], [200, 200]);
  assertEquals((await scene.ask("/session", own, further.text)).status, 403);
  assertEquals((await scene.ask("/stop", { ...own, cookie, "x-herd-token": other.text }, "")).status, 403);
  const own2 = { ...own, cookie: `${other.headers["set-cookie"]}`.split(";")[0]!, "x-herd-token": other.text };
  assertEquals((await scene.ask("/stop", own2, "")).status, 200);
  assertEquals(scene.stops, 1);
  await flush();
});

Deno.test("a listener is told everything, then what is new, and at last the end", { ignore }, async () => {
  const scene = await Scene.open();
  const session = await scene.comeIn();
  const heard: [string, Record<string, unknown>][] = [];
  let closing: Promise<void> | undefined;
  for await (const told of scene.listen({ ...scene.own, ...session })) {
    heard.push(told);
    if (heard.length === 1) scene.bus.emit(stepEvent(NO_GC, 1, 1, 1));
    if (told[1]["points"] !== undefined && heard.length > 1 && closing === undefined) {
      scene.bus.emit(epochEvent(NO_GC, epochRecord(1)));
      scene.bus.emit({ type: "end", complete: true, error: null });
      closing = scene[Symbol.asyncDispose]();
    }
  }
  await closing;
  assertEquals(heard.map(([name]) => name), ["everything", ...heard.slice(1).map(() => "news")]);
  assertEquals((heard[0]![1]["run"] as { folder: string }).folder, FACTS.folder);
  const last = heard.at(-1)![1];
  assertEquals([last["end"], (last["epochs"] as unknown[]).length], [{ complete: true, message: "" }, 1]);
});

Deno.test(
  "a page that was there before the run began is told everything again when it begins",
  { ignore },
  async () => {
    await using scene = await Scene.open();
    const session = await scene.comeIn();
    const heard: string[] = [];
    for await (const [name, { run }] of scene.listen({ ...scene.own, ...session })) {
      heard.push(`${name} ${run === undefined ? "" : (run as { folder: string }).folder}`);
      if (heard.length === 1) scene.bus.emit({ type: "run", ...FACTS, folder: "runs/b" });
      if (heard.length === 3) break;
    }
    assertEquals(heard, [`everything ${FACTS.folder}`, "everything runs/b", "news "]);
    await flush();
  },
);

Deno.test("a browser that is known may load the page as often as it likes", { ignore }, async () => {
  const { DOOR_LIMITS } = await import("../../../coordinator/door/mod.ts");
  const limits = { ...DOOR_LIMITS, failures: 3, forgetMs: 60_000, countLoopback: true };
  await using scene = await Scene.open({ limits });
  const { cookie } = await scene.comeIn();
  const { host } = scene.own;
  for (let i = 0; i < 6; i++) {
    assertEquals((await scene.ask("/style.css", { host: host!, cookie })).status, 200);
    await flush();
  }
});

Deno.test("a cookie is good for the run when it is resumed, and its key is the user's alone", { ignore }, async () => {
  const cacheDir = await Deno.makeTempDir({ prefix: "herd-test-" });
  const key = join(cacheDir, "dashboard.key");
  const begin = async () => await Scene.open({ cacheDir });
  const scene = await begin();
  const session = await scene.comeIn();
  assertEquals((await Deno.stat(key)).mode! & 0o777, 0o600);
  const kept = await Deno.readFile(key);
  await scene[Symbol.asyncDispose](); // with its folder
  await Deno.mkdir(cacheDir, { recursive: true });
  await Deno.writeFile(key, kept, { mode: 0o600 });
  {
    const resumed = await begin();
    assertEquals((await resumed.ask("/stop", { ...resumed.own, ...session }, "")).status, 200);
    await Deno.chmod(key, 0o644);
    const other = await begin();
    assertEquals((await other.ask("/stop", { ...other.own, ...session }, "")).status, 403, "others know the key");
    assertEquals((await Deno.stat(key)).mode! & 0o777, 0o600);
    await flush();
    await other[Symbol.asyncDispose]();
    await resumed[Symbol.asyncDispose]();
  }
});

Deno.test("strangers are dropped, whoever listens stays, and a taken port is an error", { ignore }, async () => {
  const limits = { ...(await import("../../../coordinator/door/mod.ts")).DOOR_LIMITS, strangerMs: 100 };
  await using scene = await Scene.open({ limits });
  const session = await scene.comeIn();
  const stream = scene.listen({ ...scene.own, ...session });
  assertEquals((await stream.next()).value![0], "everything");
  const { hostname, port } = scene.link;
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  await within(DEADLINE_MS, new Promise((done) => socket.once("close", done)), () => new Error("it may stay"));
  assertEquals((await stream.next()).value![0], "news");
  await stream.return(undefined);
  const again = Scene.open({ address: { hostname, port: Number(port) } });
  await assertRejects(() => again, HerdError, "choose another --dashboard");
  await flush();
});

Deno.test("with a certificate the dashboard is encrypted, and its cookie for such connections alone", {
  ignore: ignore || !await granted("run") || !await hasOpenssl(),
}, async () => {
  using folder = temporaryDirectory();
  const { cert, key } = await makeCertificate(folder.path, ["IP:127.0.0.1"]);
  await using scene = await Scene.open({ tls: await readServerCertificate(cert, key) });
  const { hostname, port, origin, protocol } = scene.link;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const ca = await Deno.readTextFile(cert);
  const options = { hostname, port, path: "/session", method: "POST", headers: { origin }, agent: false, ca };
  const asked = secureRequest(options, (response) => {
    response.resume();
    resolve(`${response.statusCode} ${response.headers["set-cookie"]}`);
  });
  asked.on("error", reject);
  asked.end(scene.secret);
  const answer = await within(DEADLINE_MS, promise, () => new Error("it is not answered"));
  assert(protocol === "https:" && answer.startsWith("200 ") && answer.endsWith("; Secure"), answer);
  await flush();
});

Deno.test("a listener that does not read is dropped", { ignore }, async () => {
  await using scene = await Scene.open({ slowMs: 200 });
  const { cookie } = await scene.comeIn();
  const { hostname, port, host } = scene.link;
  const socket = connect(Number(port), hostname);
  const gone = new Promise<void>((done) => socket.once("close", () => done()));
  socket.on("error", () => {});
  socket.pause();
  socket.write(`GET /events HTTP/1.1\r\nHost: ${host}\r\nCookie: ${cookie}\r\n\r\n`);
  const text = "x".repeat(1_000_000);
  for (let i = 0; i < 20; i++) {
    scene.bus.emit({ type: "notice", text });
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  socket.resume(); // what is on its way comes still, and then the end
  await within(DEADLINE_MS, gone, () => new Error("it may stay"));
  await flush();
});
