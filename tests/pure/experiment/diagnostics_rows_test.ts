import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ARM_NAMES, ROLES } from "../../../coordinator/events/mod.ts";
import {
  DIAGNOSTICS_HEADER,
  diagnosticsLine,
  type DiagnosticsRow,
  parseDiagnostics,
  rowsUntil,
} from "../../../coordinator/experiment/diagnostics_rows.ts";
import { summarize } from "../../../coordinator/experiment/diagnostics_summary.ts";
import { HerdError } from "../../../shared/errors.ts";

const ROW: DiagnosticsRow = {
  arm: "gc",
  seed: 5,
  learningRate: 1e-4,
  role: null,
  epoch: 1,
  step: 2,
  kernel: "conv1.kernel",
  gradientNorm: 4,
  removedShare: 0.5,
  weightNorm: 10,
  kernelMean: -1,
  updateNorm: 2,
  updateCosine: null,
  centralizeMs: 3,
  updateMs: 7,
};
const NO_FIGURES = { gradientNorm: null, removedShare: null, weightNorm: null, kernelMean: null, updateNorm: null };
const NO_TIMES = { centralizeMs: null, updateMs: null };

Deno.test("a row of diagnostics.csv: literal text", () => {
  assertEquals(
    DIAGNOSTICS_HEADER + diagnosticsLine(ROW) + diagnosticsLine({ ...ROW, role: "again", ...NO_TIMES }),
    "arm,seed,learningRate,role,epoch,step,kernel," +
      "gradientNorm,removedShare,weightNorm,kernelMean,updateNorm,updateCosine,centralizeMs,updateMs\n" +
      "gc,5,0.0001,,1,2,conv1.kernel,4,0.5,10,-1,2,,3,7\n" +
      "gc,5,0.0001,again,1,2,conv1.kernel,4,0.5,10,-1,2,,,\n",
  );
});

const figure = fc.option(fc.double());
const rows = fc.array(fc.record({
  arm: fc.constantFrom(...ARM_NAMES),
  seed: fc.nat(),
  learningRate: fc.double({ min: 0, noNaN: true }),
  role: fc.option(fc.constantFrom(...ROLES)),
  epoch: fc.nat(),
  step: fc.nat(),
  kernel: fc.constantFrom("conv1.kernel", "dense1.kernel"),
  gradientNorm: figure,
  removedShare: figure,
  weightNorm: figure,
  kernelMean: figure,
  updateNorm: figure,
  updateCosine: figure,
  centralizeMs: figure,
  updateMs: figure,
}));

Deno.test("rows are read as they were written, with all bits of their numbers", () => {
  fc.assert(
    fc.property(rows, (rows) => {
      // −0 is written as 0: no norm, share or mean is different for it.
      const plain = rows.map((row) =>
        Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Object.is(value, -0) ? 0 : value]))
      );
      assertEquals<unknown>(parseDiagnostics(DIAGNOSTICS_HEADER + rows.map(diagnosticsLine).join("")), plain);
    }),
    { seed: 21, numRuns: 200 },
  );
});

Deno.test("a last line that was not finished is left out; any other damage is refused, with its line", () => {
  const text = DIAGNOSTICS_HEADER + diagnosticsLine(ROW).repeat(2);
  for (let cut = 1; cut < diagnosticsLine(ROW).length; cut++) {
    assertEquals(parseDiagnostics(text.slice(0, -cut)), [ROW]);
  }
  const damaged: [string, string][] = [
    [text.replace("arm,", "army,"), "line 1"],
    ["", "line 1"],
    [text.replace("gc,5,", "gc,,"), "line 2"],
    [text.replace("gc,5,", "gc,x,"), "line 2"],
    [text.replace("\ngc,5,", "\nsgd,5,"), "line 2"],
    [text.replace(",,1,2", ",other,1,2"), "line 2"],
    [text.replace(",-1,2", ",-1"), "line 2"],
    [`${text}gc\n`, "line 4"],
  ];
  for (const [one, where] of damaged) {
    const error = assertThrows(() => parseDiagnostics(one), HerdError, where);
    assertEquals(error.code, "data");
  }
});

Deno.test("rowsUntil() keeps the rows of the steps that each training has behind it", () => {
  const steps = [[1, 1], [1, 2], [2, 1], [2, 2]].map(([epoch, step]) => ({ epoch: epoch!, step: step! }));
  const rowsOf = (changes: Partial<DiagnosticsRow>) => steps.map((step) => ({ ...ROW, ...step, ...changes }));
  const rows = [{}, { arm: "no-gc" }, { seed: 6 }, { learningRate: 3e-4 }, { role: "again" }].flatMap((one) =>
    rowsOf(one as Partial<DiagnosticsRow>)
  );
  const key = { arm: "gc", seed: 5 } as const;
  const stands = [
    { key, epoch: 2, step: 1 },
    { key: { ...key, seed: 6 }, epoch: 1, step: 0 },
    { key: { ...key, learningRate: 3e-4 }, epoch: 1, step: 2 },
    { key: { ...key, role: "again" }, epoch: 2, step: 2 },
  ] as const;
  const kept = rowsUntil(rows, stands, 1e-4);
  assertEquals(
    kept.map(({ arm, seed, learningRate, role, epoch, step }) => [arm, seed, learningRate, role, epoch, step]),
    [
      ["gc", 5, 1e-4, null, 1, 1],
      ["gc", 5, 1e-4, null, 1, 2],
      ["gc", 5, 1e-4, null, 2, 1],
      ["gc", 5, 3e-4, null, 1, 1],
      ["gc", 5, 3e-4, null, 1, 2],
      ["gc", 5, 1e-4, "again", 1, 1],
      ["gc", 5, 1e-4, "again", 1, 2],
      ["gc", 5, 1e-4, "again", 2, 1],
      ["gc", 5, 1e-4, "again", 2, 2],
    ],
  );
});

Deno.test("summarize() takes means over steps and seeds, for each arm, rate and kernel: literal values", () => {
  const summary = summarize([
    { ...ROW, arm: "no-gc" },
    ROW,
    { ...ROW, kernel: "dense1.kernel", ...NO_TIMES, updateCosine: 0.25 },
    { ...ROW, seed: 6, gradientNorm: 8, removedShare: 1, weightNorm: 20, kernelMean: 2, updateNorm: 4, updateMs: 8 },
    { ...ROW, learningRate: 3e-4, gradientNorm: 9, centralizeMs: 5, updateMs: 90 },
    // What is known of the first step of gc only later.
    { ...ROW, ...NO_FIGURES, ...NO_TIMES, updateCosine: 0.75 },
    { ...ROW, role: "lose", gradientNorm: 1e9, updateMs: 1e9 },
    { ...ROW, seed: 7, gradientNorm: 1e9, updateNorm: Infinity, centralizeMs: 2, updateMs: 6 },
  ]);
  const plain = {
    gradientNorm: 4,
    removedShare: 0.5,
    weightNorm: 10,
    kernelMean: -1,
    updateNorm: 2,
    updateCosine: null,
  };
  const conv = { arm: "gc", learningRate: 1e-4, kernel: "conv1.kernel" } as const;
  assertEquals(summary, {
    layers: [
      { ...conv, arm: "no-gc", ...plain },
      {
        ...conv,
        gradientNorm: 6,
        removedShare: 0.75,
        weightNorm: 15,
        kernelMean: 0.5,
        updateNorm: 3,
        updateCosine: 0.75,
      },
      { ...conv, kernel: "dense1.kernel", ...plain, updateCosine: 0.25 },
      { ...conv, learningRate: 3e-4, ...plain, gradientNorm: 9 },
    ],
    centralizeMs: 3,
    updateMs: 7,
  });
});

Deno.test("summarize() takes medians of times: the middle one, or the mean of both in the middle", () => {
  const of = (...times: number[]) => summarize(times.map((ms) => ({ ...ROW, centralizeMs: ms, updateMs: 10 * ms })));
  assertEquals([of(3, 100, 1)!.centralizeMs, of(3, 100, 1)!.updateMs], [3, 30]);
  assertEquals(of(10, 3, 100, 1)!.centralizeMs, 6.5);
  assertEquals(summarize([]), null);
});
