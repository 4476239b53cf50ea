// Frames are megabytes, and the garbage collector lets many of them gather, each in memory that the system has to clear first.
// So whoever has used one up gives its memory back at once.

/** Frees the memory of an array and of whatever shares its buffer; all of them are empty from now on. */
export function release({ buffer }: Float32Array): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
