// A local stand-in for jsr:@std/assert, with the functions that Herd uses, for machines that cannot reach JSR. Same names
// and signatures as the original, over node:assert; the README says how to go back to the original.
import assertModule from "node:assert/strict";

/** Thrown when an assertion does not hold. */
export const AssertionError = assertModule.AssertionError;

// deno-lint-ignore no-explicit-any -- a class of any constructor signature, as in the original
type ErrorClass<E extends Error> = new (...args: any[]) => E;

/** Asserts that `condition` is truthy. */
export function assert(condition: unknown, message = "Expected a truthy value"): asserts condition {
  assertModule.ok(condition, message);
}

/** Asserts deep, strict equality. */
export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  if (message === undefined) assertModule.deepStrictEqual(actual, expected);
  else assertModule.deepStrictEqual(actual, expected, message);
}

/** Asserts that two values are not deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, message?: string): void {
  if (message === undefined) assertModule.notDeepStrictEqual(actual, expected);
  else assertModule.notDeepStrictEqual(actual, expected, message);
}

/** Asserts that two numbers differ by at most `tolerance`. */
export function assertAlmostEquals(actual: number, expected: number, tolerance = 1e-7, message?: string): void {
  if (Object.is(actual, expected)) return;
  const difference = Math.abs(actual - expected);
  assert(difference <= tolerance, message ?? `Expected ${actual} to be within ${tolerance} of ${expected}`);
}

/** Asserts that `actual` contains `expected`. */
export function assertStringIncludes(actual: string, expected: string, message?: string): void {
  assert(actual.includes(expected), message ?? `Expected ${JSON.stringify(actual)} to contain "${expected}"`);
}

/** Asserts that `actual` matches `expected`. */
export function assertMatch(actual: string, expected: RegExp, message?: string): void {
  if (message === undefined) assertModule.match(actual, expected);
  else assertModule.match(actual, expected, message);
}

/** Asserts that `error` is of `errorClass` and that its message contains `includes`. */
export function assertIsError<E extends Error>(
  error: unknown,
  errorClass?: ErrorClass<E>,
  includes?: string,
): asserts error is E {
  assert(error instanceof (errorClass ?? Error), `Expected ${errorClass?.name ?? "Error"}, got ${error}`);
  if (includes !== undefined) assertStringIncludes(error.message, includes);
}

/** Asserts that `fn` throws, and returns what it threw. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  errorClass?: ErrorClass<E>,
  includes?: string,
): E {
  try {
    fn();
  } catch (error) {
    assertIsError<E>(error, errorClass, includes);
    return error;
  }
  throw new AssertionError({ message: "Expected function to throw" });
}

/** Asserts that the promise of `fn` rejects, and returns what it was rejected with. */
export async function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  errorClass?: ErrorClass<E>,
  includes?: string,
): Promise<E> {
  try {
    await fn();
  } catch (error) {
    assertIsError<E>(error, errorClass, includes);
    return error;
  }
  throw new AssertionError({ message: "Expected function to reject" });
}

/** Throws unless actual < expected. */
export function assertLess(actual: number, expected: number, message?: string): void {
  if (actual < expected) return;
  throw new AssertionError({ message: `${message ? `${message}: ` : ""}expected ${actual} < ${expected}` });
}
