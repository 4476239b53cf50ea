// Where text enters the terminal: whatever comes in, nothing but Herd's own colours and live line steers it.
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ProgressLine } from "../../../../shared/cli/progress_line.ts";
import { consoleOf } from "../../../../shared/cli/console.ts";
import { visible } from "../../../../shared/visible.ts";

/** What is written where. */
function recorded({ colour = false } = {}) {
  const [out, error, live]: [string[], string[], string[]] = [[], [], []];
  const later: number[] = [];
  const console = consoleOf({
    out: (line) => out.push(line),
    error: (line) => error.push(line),
    outLater(bytes) {
      const some = bytes.subarray(0, 7);
      later.push(...some);
      return Promise.resolve(some.length);
    },
    live: { write: (text) => live.push(text), columns: () => 500 },
    colour,
  });
  return { console, out, error, live, later: () => new TextDecoder().decode(Uint8Array.from(later)) };
}

/** Clears the screen, feigns a title, turns the writing round, goes back to the line's beginning. */
const EVIL = "cat\x1b[2J\x1b]0;me\x07 \u202egnp.exe\u2066 \x9b31m\rerror: none\x7f\u2028x";
const SEEN = "cat\\u001b[2J\\u001b]0;me\\u0007 \\u202egnp.exe\\u2066 \\u009b31m\\u000derror: none\\u007f\\u2028x";

Deno.test("console: what could steer a terminal is shown instead, on every way out", async () => {
  const { console, out, error, live, later } = recorded({ colour: true });
  console.print(EVIL);
  console.print(EVIL, "warning");
  console.complain(EVIL);
  console.progress.show(`${EVIL}\n2`);
  await console.printLater(JSON.stringify({ text: EVIL }));
  assertEquals(out, [SEEN, `\x1b[33m${SEEN}\x1b[0m`]);
  assertEquals([error, live], [[SEEN], [`\r\x1b[2K${SEEN}\\u000a2`]]);
  assert(!/[\x7f-\x9f\u202e\u2028]/.test(later()));
  assertEquals(JSON.parse(later()), { text: EVIL }, "as JSON it reads back as it was");
});

Deno.test("console: further lines of a text cannot feign a line of Herd's; names of people and places stay as they are", () => {
  const { console, out } = recorded();
  console.print("Data    cats\nerror: give your token to evil.example\n  indented\n\n\ttab");
  console.print("Größe 3×3, 猫, émoji 👩‍🚀, مرحبا, שלום");
  assertEquals(out, [
    "Data    cats\n        error: give your token to evil.example\n  indented\n\n\ttab",
    "Größe 3×3, 猫, émoji 👩‍🚀, مرحبا, שלום",
  ]);
});

Deno.test("console: colours only where they are wanted, and no live line where nobody looks", () => {
  const { console, out } = recorded();
  console.print("Look", "strong");
  assertEquals(out, ["Look"]);
  const quiet = consoleOf({ out() {}, error() {}, outLater: () => Promise.resolve(0), live: undefined, colour: false });
  quiet.progress.show("step 1");
  quiet.progress.clear();
});

Deno.test("visible(): nothing that steers is left of any text, and JSON reads it back", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert(!/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(visible(text).replaceAll("\t", "")));
    assertEquals(JSON.parse(visible(JSON.stringify(text))), text);
  }));
});

Deno.test("progress line: further lines are taken away again, and what is too long for the terminal is cut", () => {
  const screen: string[] = [""];
  /** What a terminal makes of the codes that are used. */
  const write = (text: string) => {
    // deno-lint-ignore no-control-regex
    for (const [part] of text.matchAll(/\x1b\[1A|\x1b\[2K|\r|\n|[^\x1b\r\n]+/g)) {
      if (part === "\x1b[1A") screen.pop();
      else if (part === "\x1b[2K") screen[screen.length - 1] = "";
      else if (part === "\n") screen.push("");
      else if (part !== "\r") screen[screen.length - 1] += part;
    }
  };
  const progress = new ProgressLine({ write, columns: () => 11 });
  progress.show("epoch 1", "loss 0.5 and more");
  assertEquals(screen, ["epoch 1", "loss 0.5 a"]);
  progress.clear();
  assertEquals(screen, [""]);
  progress.clear();
  progress.show("one");
  assertEquals(screen, ["one"]);
});

Deno.test("progress line: where there is no terminal, a line every half minute, the first after one", () => {
  const real = performance.now;
  try {
    const lines: string[] = [];
    const progress = new ProgressLine(undefined, (line) => void lines.push(line));
    for (let second = 0; second < 95; second++) {
      performance.now = () => 1e6 + 1000 * second;
      progress.show(`step ${second}`, "  loss 0.5");
      progress.clear();
    }
    assertEquals(lines, ["step 30  loss 0.5", "step 60  loss 0.5", "step 90  loss 0.5"]);
  } finally {
    performance.now = real;
  }
});
