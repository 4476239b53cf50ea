// What takes a worker longer than a moment before it can compute: told to the coordinator, which would hear nothing otherwise.

/** What is over sooner is not worth a line. */
const WORTH_TELLING_MS = 2_000;

/** Hears what is being done, and passes it on once it has taken a while; nothing any more when disposed. */
export class Preparation implements Disposable {
  readonly #tell: (text: string) => void;
  readonly #worthTellingMs: number;
  #latest = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isLong = false;
  #isOver = false;

  /** @param tell is handed what is being done when the first such thing has taken a while, and then whatever comes */
  constructor(tell: (text: string) => void, worthTellingMs = WORTH_TELLING_MS) {
    this.#tell = tell;
    this.#worthTellingMs = worthTellingMs;
  }

  hear(text: string): void {
    if (this.#isOver) return;
    if (this.#isLong) return this.#tell(text);
    this.#latest = text;
    this.#timer ??= setTimeout(() => {
      this.#isLong = true;
      this.#tell(this.#latest);
    }, this.#worthTellingMs);
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }
}
