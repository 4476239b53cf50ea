// A promise with a deadline: whatever is waited for, the wait ends.

/**
 * The promise's result.
 * @param late makes what is thrown when it is not settled in time
 * @throws what the promise is rejected with, or `late()` once `milliseconds` have passed
 */
export async function within<T>(milliseconds: number, promise: Promise<T>, late: () => Error): Promise<T> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(late()), milliseconds);
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
