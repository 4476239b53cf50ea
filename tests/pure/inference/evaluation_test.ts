import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { contactSheet } from "../../../coordinator/inference/contact_sheet.ts";
import { evaluationOf, mostWrong } from "../../../coordinator/inference/evaluation.ts";
import { evaluationLines } from "../../../coordinator/inference/evaluation_text.ts";

const CLASSES = ["horses", "humans"];
/** Six images, of which the second and the last two get another class than theirs. */
const LOGITS = Float32Array.of(-2, 0.5, 3, 1, 4, -1);
const LABELS = Uint8Array.of(0, 0, 1, 1, 0, 1);
const LOSSES = Float32Array.from(LOGITS, (z, i) => Math.log1p(Math.exp(LABELS[i] === 1 ? -z : z)));
const EVALUATION = evaluationOf({ losses: LOSSES, logits: LOGITS }, LABELS, CLASSES);

const options = {
  model: "gc-0 of runs/x",
  data: "6 test images",
  nameOf: (index: number) => `image ${index}.png`,
  pictureOf: () => "data:image/jpeg;base64,AAAA",
};

Deno.test("an evaluation has the figures of training's test, and what follows from them", () => {
  const { images, correct, accuracy, auc, confusion, loss } = EVALUATION;
  assertEquals([images, correct, accuracy], [6, 3, 0.5]);
  assertAlmostEquals(loss, LOSSES.reduce((a, b) => a + b, 0) / 6, 1e-7);
  assertEquals(confusion, [[1, 2], [1, 2]]);
  assertAlmostEquals(auc!, 5 / 9, 1e-12);
  const lines = evaluationLines(EVALUATION).join("\n");
  assertStringIncludes(lines, "Accuracy  0.5000 (3 of 6; 95 % interval 0.1876 to 0.8124); chance 0.5000");
  assertStringIncludes(lines, "          horses  humans\n  horses       1       2\n  humans       1       2");
});

Deno.test("three classes have a probability each, a row each, and a macro average", () => {
  const logits = Float32Array.of(3, 0, 0, 0, 3, 0, 0, 0, 3, 0, 3, 0);
  const labels = Uint8Array.of(0, 1, 2, 2);
  const evaluation = evaluationOf({ losses: new Float32Array(4), logits }, labels, ["a", "b", "c"]);
  assertEquals(evaluation.confusion, [[1, 0, 0], [0, 1, 0], [0, 1, 1]]);
  for (const { probabilities } of evaluation.answers) {
    assertAlmostEquals(probabilities.reduce((a, b) => a + b, 0), 1, 1e-12);
  }
  assert(evaluation.auc! > 0.5 && evaluation.auc! <= 1);
  assertStringIncludes(evaluationLines(evaluation).join("\n"), "mean over the classes");
});

Deno.test("the most wrong images are the surest mistakes, in that order", () => {
  assertEquals(mostWrong(EVALUATION, 9).map(({ index }) => index), [4, 5, 1]);
  assertEquals(mostWrong(EVALUATION, 1).map(({ index }) => index), [4]);
});

Deno.test("the contact sheet shows each wrong image with name, class and probability, and needs nothing else", () => {
  const page = contactSheet(EVALUATION, options);
  assertEquals(page.match(/<img /g)?.length, 3);
  assertEquals(page.match(/ alt="image \d\.png, of class (horses|humans)"/g)?.length, 3);
  assertStringIncludes(page, "Named <strong>humans</strong> (98.2\u00a0%), is <strong>horses</strong> (1.8\u00a0%)");
  assertStringIncludes(page, "3 of 6 images are wrong; all of them are shown");
  assertStringIncludes(page, "default-src &#39;none&#39;");
  assertStringIncludes(page, "; img-src data:");
  for (const forbidden of ["<script", "http:", "https:", "url("]) assert(!page.includes(forbidden), forbidden);
});

Deno.test("names of files and classes cannot write into the contact sheet", () => {
  const evil = `"><script>alert(1)</script>\u202e`;
  const evaluation = evaluationOf({ losses: LOSSES, logits: LOGITS }, LABELS, [evil, evil + 2]);
  const page = contactSheet(evaluation, { ...options, model: evil, data: evil, nameOf: () => evil });
  assert(!page.includes("<script") && !page.includes("\u202e"));
});

Deno.test("a contact sheet without mistakes says so", () => {
  const perfect = evaluationOf(
    { losses: new Float32Array(2), logits: Float32Array.of(-9, 9) },
    Uint8Array.of(0, 1),
    CLASSES,
  );
  const page = contactSheet(perfect, options);
  assertStringIncludes(page, "None of 2 images is wrong.");
  assertEquals(page.includes("<img"), false);
});
