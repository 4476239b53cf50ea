import { assertEquals } from "@std/assert";
import { jsonOf, textOf } from "../../../coordinator/inference/answer_line.ts";

Deno.test("an answer is one line, whatever its file and its classes are called", () => {
  const logits = Float32Array.of(0);
  const answer = { file: "a\nb\u2028\x1b[31m.png", logits };
  const classes = ["x\ny", "z"];
  assertEquals(
    textOf(answer, classes),
    String.raw`a\u000ab\u2028\u001b[31m.png  x\u000ay  x\u000ay 0.5000  z 0.5000`,
  );
  assertEquals(JSON.parse(jsonOf(answer, classes)), {
    file: answer.file,
    class: classes[0],
    probabilities: { "x\ny": 0.5, z: 0.5 },
  });
  assertEquals(jsonOf(answer, classes).includes("\n"), false);
});
