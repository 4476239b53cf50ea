import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { linesOf } from "../../../../shared/cli/lines.ts";

/** The lines of a text that comes in pieces of so many bytes. */
function linesIn(text: string, pieceBytes: number): Promise<string[]> {
  const bytes = new TextEncoder().encode(text);
  const pieces = Array.from(
    { length: Math.ceil(bytes.length / pieceBytes) },
    (_, i) => bytes.subarray(i * pieceBytes, (i + 1) * pieceBytes),
  );
  return Array.fromAsync(linesOf(ReadableStream.from(pieces)));
}

Deno.test("lines come whole, however they are cut on the way, and without the ends that Unix or Windows gives them", async () => {
  const line = fc.string({ unit: "grapheme" }).map((text) => text.replace(/[\r\n]/g, ""));
  await fc.assert(
    fc.asyncProperty(
      fc.array(line),
      fc.constantFrom("\n", "\r\n"),
      fc.integer({ min: 1, max: 9 }),
      async (lines, end, n) => {
        assertEquals(await linesIn(lines.map((one) => one + end).join(""), n), lines);
      },
    ),
    { numRuns: 50 },
  );
  assertEquals(await linesIn("a\nb", 2), ["a", "b"]);
});

Deno.test("a line that does not end comes in pieces", async () => {
  const pieces = await linesIn("x".repeat(100_000), 7_000);
  assertEquals(pieces.join("").length, 100_000);
  assertEquals(pieces.every(({ length }) => length <= 16 * 1024), true);
});
