// What the dashboard answers over HTTP, and to whom.
import type { IncomingMessage, ServerResponse } from "node:http";
import { isForeignPage, isOwnName } from "../door/mod.ts";
import type { Asset } from "./assets.ts";
import type { Sessions } from "./sessions.ts";

/** What the dashboard answers with. */
export interface Answers {
  readonly assets: ReadonlyMap<string, Asset>;
  readonly sessions: Sessions;
  /** The name of the cookie, another for each run: a browser sends all of a host. */
  readonly cookie: string;
  /** What is listened under, and whether it is encrypted. */
  readonly door: { readonly hostname: string; readonly isSecure: boolean };
  /** Somebody has shown that he may be here. */
  onKnown(request: IncomingMessage): void;
  /** Takes a stream. @returns false if there are too many */
  listen(response: ServerResponse): boolean;
  /** Ends the run, as Ctrl-C does. */
  stop(): void;
}

/** A link's secret is the longest that is ever sent. */
const MOST_BODY_BYTES = 1_024;

/** Nothing but the page's own files is loaded, and only its own server is asked. Its script sets styles, no markup does. */
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS = {
  "content-security-policy": POLICY,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
};

/** Answers a request. Never throws and never rejects. */
export async function answer(request: IncomingMessage, response: ServerResponse, answers: Answers): Promise<void> {
  response.on("error", () => response.destroy());
  const { headers, method, url = "/" } = request;
  const refuse = (status: number) => void response.writeHead(status, { ...HEADERS, connection: "close" }).end();
  const { door } = answers;
  const host = URL.parse(`${door.isSecure ? "https" : "http"}://${headers.host}`)?.hostname;
  // A foreign name may be one that its owner has pointed here, to make a page of his pass for this one's.
  if (host === undefined || !isOwnName(host, door.hostname) || isForeignPage(headers, door)) return refuse(403);
  const cookie = cookieOf(request, answers);
  if (answers.sessions.maySee(cookie)) answers.onKnown(request);
  const asset = answers.assets.get(url);
  if (method === "GET" && asset !== undefined) {
    return void response.writeHead(200, { ...HEADERS, "content-type": asset.type }).end(asset.text);
  }
  if (method === "GET" && url === "/events") {
    // A page on another port of this host sends the cookie too, and with what it loads as a picture no origin.
    if (["same-site", "cross-site"].includes(`${headers["sec-fetch-site"]}`)) return refuse(403);
    return sendEvents(response, { answers, refuse, cookie });
  }
  if (method !== "POST") return refuse(asset === undefined ? 404 : 405);
  // A browser says of every POST which page it is from.
  if (headers.origin === undefined) return refuse(403);
  const body = await bodyOf(request);
  if (body === undefined) return refuse(413);
  if (url === "/session") return sendSession(request, response, { answers, refuse, secret: body });
  const token = `${headers["x-herd-token"] ?? ""}`;
  if (!answers.sessions.mayAct({ cookie, token })) return refuse(403);
  if (url === "/link") return sendText(response, answers.sessions.makeLink());
  if (url !== "/stop") return refuse(404);
  answers.stop();
  sendText(response, "");
}

interface Turn {
  readonly answers: Answers;
  refuse(status: number): void;
}

function sendEvents(
  response: ServerResponse,
  { answers, refuse, cookie }: Turn & { readonly cookie: string },
): void {
  if (!answers.sessions.maySee(cookie)) return refuse(403);
  response.writeHead(200, { ...HEADERS, "content-type": "text/event-stream" });
  if (!answers.listen(response)) response.end("event: full\ndata: {}\n\n");
}

/** A link's secret becomes a cookie, and a token that only pages of this address can read. */
function sendSession(
  request: IncomingMessage,
  response: ServerResponse,
  { answers: { sessions, cookie, door, onKnown }, refuse, secret }: Turn & { readonly secret: string },
): void {
  const session = sessions.exchange(secret);
  if (session === undefined) return refuse(403);
  onKnown(request);
  const attributes = `Path=/; HttpOnly; SameSite=Strict${door.isSecure ? "; Secure" : ""}`;
  response.setHeader("set-cookie", `${cookie}=${session.cookie}; ${attributes}`);
  sendText(response, session.token);
}

function sendText(response: ServerResponse, text: string): void {
  response.writeHead(200, { ...HEADERS, "content-type": "text/plain; charset=utf-8" }).end(text);
}

/** "" where there is none. */
function cookieOf({ headers }: IncomingMessage, { cookie }: Answers): string {
  const pairs = (headers.cookie ?? "").split(";").map((pair) => pair.trim().split("="));
  return pairs.find(([name]) => name === cookie)?.[1] ?? "";
}

/** Undefined for one that is too long, or breaks off. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  let text = "";
  try {
    for await (const chunk of request) {
      text += chunk;
      if (text.length > MOST_BODY_BYTES) return undefined;
    }
    return text;
  } catch {
    return undefined;
  }
}
