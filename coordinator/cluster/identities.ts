// Who a worker is: a name, and a secret that only the worker with this name knows and that it proves on each connection. A
// launcher gives its workers their names, and each process a secret; other workers get both when they first come. So nobody
// can come as somebody else, be it to cut him off or to have him blamed.
import { randomHex } from "../../shared/handshake.ts";
import type { PaceLimits } from "./pace.ts";
import { Standing } from "./standing.ts";

/** A worker that may come, is here, or was. */
export interface Identity {
  readonly name: string;
  readonly secret: string;
  /** Whether a launcher has started it: the name is reserved then. */
  readonly isLaunched: boolean;
  /** Whether this coordinator has started it on this machine. */
  readonly isOwn: boolean;
  readonly standing: Standing;
}

/** What a worker says of itself. */
export interface Claim {
  /** "" for none yet. */
  readonly name: string;
  /** Whether the worker has proved that it knows this secret. */
  knows(secret: string): boolean;
}

/** Workers from outside that are remembered when they are gone; a launcher's always are. */
const MOST_REMEMBERED = 1_000;
/** Names that are made here. */
const NUMBERED = /^r[1-9]\d{0,5}$/;

/** All of them, by name. */
export class Identities {
  readonly #limits: PaceLimits | undefined;
  readonly #isHere: (name: string) => boolean;
  readonly #most: number;
  /** The one that came last at the end. */
  readonly #known = new Map<string, Identity>();
  #hadOutsiders = false;

  /** @param isHere whether somebody of that name is connected: such a one is not forgotten */
  constructor(limits: PaceLimits | undefined, isHere: (name: string) => boolean, most = MOST_REMEMBERED) {
    this.#limits = limits;
    this.#isHere = isHere;
    this.#most = most;
  }

  /** Whether a worker has come that was not started by the run: such a one knows the token, and may come again. */
  get hadOutsiders(): boolean {
    return this.#hadOutsiders;
  }

  /** How many are remembered. */
  get size(): number {
    return this.#known.size;
  }

  /** A launcher is about to start a process of this name. @returns the secret that it is to be told; an older one is void */
  expect(name: string, { isOwn }: { readonly isOwn: boolean }): string {
    const { standing = new Standing(this.#limits) } = this.#known.get(name) ?? {};
    standing.beginAnew();
    const secret = randomHex();
    this.#known.set(name, { name, secret, isLaunched: true, isOwn, standing });
    return secret;
  }

  /** Who has come, if it proves that. @returns undefined for whoever is new here */
  recognize({ name, knows }: Claim): Identity | undefined {
    const known = this.#known.get(name);
    if (known === undefined || !knows(known.secret)) return undefined;
    this.#known.delete(name);
    this.#known.set(name, known);
    return known;
  }

  /** Whether a name is a launcher's: who has it but does not prove it is not who he says. */
  isReserved(name: string): boolean {
    return name !== "" && !NUMBERED.test(name);
  }

  /**
   * A worker that is new here. It gets the name that it had with an earlier coordinator of the run if nobody else has that
   * one now, else the next free number.
   */
  welcome(wish: string): Identity {
    const isFree = NUMBERED.test(wish) && !this.#known.has(wish);
    const identity = {
      name: isFree ? wish : this.#nextName(),
      secret: randomHex(),
      isLaunched: false,
      isOwn: false,
      standing: new Standing(this.#limits),
    };
    this.#hadOutsiders = true;
    this.#known.set(identity.name, identity);
    this.#forget();
    return identity;
  }

  #nextName(): string {
    let number = 1;
    while (this.#known.has(`r${number}`)) number++;
    return `r${number}`;
  }

  #forget(): void {
    const outsiders = [...this.#known.values()].filter(({ isLaunched }) => !isLaunched);
    const gone = outsiders.slice(0, -1).filter(({ name }) => !this.#isHere(name));
    for (const { name } of gone.slice(0, Math.max(0, outsiders.length - this.#most))) this.#known.delete(name);
  }
}
