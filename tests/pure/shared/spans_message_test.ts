import { assert, assertEquals, assertThrows } from "@std/assert";
import { MOST_CHARACTERS, parseWorkerMessage } from "../../../shared/protocol.ts";
import { HerdError } from "../../../shared/errors.ts";
import { MOST_PHASES } from "../../../shared/spans.ts";

const MONTH_US = 31 * 86_400 * 1e6;
const PHASE = ["backward", 262_143, MONTH_US, MONTH_US];
const SPANS = {
  runId: "0".repeat(16),
  step: 1e9,
  type: "spans",
  attempt: 1e6,
  level: 18,
  index: 262_143,
  made: [MONTH_US, MONTH_US],
  phases: Array(MOST_PHASES).fill(PHASE),
  sent: [MONTH_US, MONTH_US],
};

Deno.test("spans: as many as a worker may tell fit into a message, however long it has been there", () => {
  const text = JSON.stringify(SPANS);
  assert(text.length <= MOST_CHARACTERS.fromWorker, `${text.length} characters`);
  assertEquals(parseWorkerMessage(text), SPANS as unknown as ReturnType<typeof parseWorkerMessage>);
});

Deno.test("spans and clock: what a worker may not tell is refused", () => {
  const wrong: Record<string, object> = {
    "too many phases": { phases: [...SPANS.phases.slice(1).map(() => ["read", 0, 0, 0]), PHASE, PHASE] },
    "a phase that there is not": { phases: [["sleep", 0, 0, 0]] },
    "a negative time": { made: [-1, 0] },
    "a fraction": { sent: [0, 0.5] },
    "no number": { sent: [0, "1"] },
    "half a span": { made: [0] },
    "a clock that shows nothing": { type: "clock", microseconds: null },
    "a clock beyond all numbers": { type: "clock", microseconds: 1e300 },
  };
  for (const [what, changes] of Object.entries(wrong)) {
    const parse = () => parseWorkerMessage(JSON.stringify({ ...SPANS, ...changes }));
    assertEquals(assertThrows(parse, HerdError).code, "cluster", what);
  }
});
