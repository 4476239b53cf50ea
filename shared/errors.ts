// The one error class that people see, and the exit code that each kind ends with.

/** What kind of thing went wrong. */
export type ErrorCode = "usage" | "data" | "cluster" | "divergence" | "interrupted";

/** Process exit codes; 1 is a bug in Herd. */
export const EXIT_CODES: Readonly<Record<ErrorCode, number>> = {
  usage: 2,
  data: 3,
  cluster: 4,
  divergence: 5,
  interrupted: 130,
};

/** A failure that has a cause outside Herd. The message is one sentence: what is wrong, the value seen, what to do. */
export class HerdError extends Error {
  /** Tells it from other errors where classes cannot. */
  override readonly name = "HerdError";
  /** What kind of thing went wrong: it decides the exit code. */
  readonly code: ErrorCode;

  /** An error for people. @param message one sentence: what is wrong, the value seen, what to do */
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The exit code for whatever was thrown. */
export function exitCodeOf(error: unknown): number {
  return error instanceof HerdError ? EXIT_CODES[error.code] : 1;
}

/** The text of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
