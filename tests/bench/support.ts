// What the benches share: medians, tables, runs of Herd as a user runs it.
import { join } from "node:path";
import { ProgressLine } from "../../shared/cli/progress_line.ts";
import type { Report } from "../../coordinator/mod.ts";

const MAIN = new URL("../../main.ts", import.meta.url);

/** What is measured, in a terminal; it is shown before a measurement, and nothing is written during one. */
export const progress: ProgressLine = new ProgressLine(
  Deno.stderr.isTerminal()
    ? {
      write: (text) => void Deno.stderr.writeSync(new TextEncoder().encode(text)),
      columns: () => Deno.consoleSize().columns,
    }
    : undefined,
);

let runs = 0;

/** What a bench found: rows for people, and all of it as data. */
export interface Findings {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Lines under the table. */
  readonly notes?: readonly string[];
  readonly data: unknown;
  /** Set if a limit is broken: the bench ends with exit code 1. */
  readonly failure?: string;
}

/** The middle value, or the mean of the two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The median of the milliseconds that an action takes, after one run to warm up. */
export async function milliseconds(repeats: number, action: () => unknown): Promise<number> {
  await action();
  const times: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    await action();
    times.push(performance.now() - start);
  }
  return median(times);
}

/** Findings as a table. */
export function table({ title, columns, rows, notes = [] }: Findings): string {
  const widths = columns.map((column, i) => Math.max(column.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) => i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join("  ");
  return [title, "", line(columns), ...rows.map(line), ...notes].join("\n");
}

/** The report of a run of `deno task train`; its folder is removed afterwards. */
export async function trainReport(args: readonly string[]): Promise<Report> {
  const out = await Deno.makeTempDir({ prefix: "herd-bench-" });
  progress.show(`Run ${++runs}: train ${args.join(" ")}`);
  try {
    const { success, code } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "-q", "--no-prompt", MAIN.href, "train", "--json", "--out", out, ...args],
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).output();
    if (!success) throw new Error(`The run ended with exit code ${code}`);
    return JSON.parse(await Deno.readTextFile(join(out, "report.json")));
  } finally {
    await Deno.remove(out, { recursive: true });
  }
}
