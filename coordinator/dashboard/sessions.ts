// Who may see a run: whoever has a link that nobody has used before, and from then on whoever has the cookie that he was given
// for it. A cookie is known by what it consists of, so that it outlives the process: whoever resumes the run has the same key.
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** Links that nobody has used; of more, the oldest is forgotten. */
const MOST_LINKS = 16;

/** What the user of a link is given. */
export interface Session {
  /** For the cookie: shows the run. A browser sends it to every server of the host, whatever its port. */
  readonly cookie: string;
  /** For a header: ends the run, or lets others in. A browser keeps it for pages of this very address. */
  readonly token: string;
}

/** Gives sessions for links. */
export class Sessions {
  readonly #key: Uint8Array;
  readonly #runId: string;
  readonly #links = new Set<string>();

  /** @param key known to this user alone @param runId the run that the sessions are for */
  constructor(key: Uint8Array, runId: string) {
    this.#key = key;
    this.#runId = runId;
  }

  /** The secret of a further link. */
  makeLink(): string {
    const secret = randomBytes(32).toString("hex");
    this.#links.add(secret);
    if (this.#links.size > MOST_LINKS) {
      const [oldest] = this.#links;
      this.#links.delete(oldest!);
    }
    return secret;
  }

  /** The session that a link's secret stands for, once; undefined if it is none, or has been used. */
  exchange(secret: string): Session | undefined {
    const link = [...this.#links].filter((one) => isSame(one, secret))[0];
    if (link === undefined) return undefined;
    this.#links.delete(link);
    const id = randomBytes(16).toString("hex");
    return { cookie: `${id}.${this.#proof("see", id)}`, token: this.#proof("act", id) };
  }

  /** Whether a cookie is one that was given. */
  maySee(cookie: string): boolean {
    const [id = "", proof = ""] = cookie.split(".");
    return isSame(proof, this.#proof("see", id));
  }

  /** Whether a token is the one that was given with a cookie. */
  mayAct({ cookie, token }: Session): boolean {
    const [id = ""] = cookie.split(".");
    return this.maySee(cookie) && isSame(token, this.#proof("act", id));
  }

  #proof(what: "see" | "act", id: string): string {
    return createHmac("sha256", this.#key).update(JSON.stringify(["herd dashboard", what, this.#runId, id])).digest(
      "hex",
    );
  }
}

/** Takes the same time for all texts of the right length. */
function isSame(given: string, right: string): boolean {
  const [a, b] = [given, right].map((text) => new TextEncoder().encode(text));
  return a!.length === b!.length && timingSafeEqual(a!, b!);
}
