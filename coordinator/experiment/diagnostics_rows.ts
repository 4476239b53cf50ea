// The rows of diagnostics.csv: what each step says of each kernel.
import { HerdError } from "../../shared/errors.ts";
import { ARM_NAMES, type ArmName, type Position, type Role, ROLES, type RunKey } from "../events/mod.ts";

/**
 * A step's figures of one kernel. Where the baseline takes its turn after the arm, the cosine is known only then, and
 * stands in a row of its own, with the arm's step and without its figures. What is not in a row is null, and empty in
 * the file: means over the rows that have a value are right.
 */
export interface DiagnosticsRow {
  /** Whose step it is. */
  readonly arm: ArmName;
  /** Of its training. */
  readonly seed: number;
  /** Of its training. */
  readonly learningRate: number;
  /** Of the mean loss, before anything is done to it. */
  readonly gradientNorm: number | null;
  /** 0 to 1. */
  readonly removedShare: number | null;
  /** Before the step. */
  readonly weightNorm: number | null;
  /** Mean of the weights. */
  readonly kernelMean: number | null;
  /** Of what is added to the weights. */
  readonly updateNorm: number | null;
  /** What its training is for, where it is not compared itself; else null. */
  readonly role: Role | null;
  /** From 1. */
  readonly epoch: number;
  /** Of the epoch, from 1. */
  readonly step: number;
  /** "conv1.kernel" */
  readonly kernel: string;
  /** Cosine of this update and the baseline's of the same step. */
  readonly updateCosine: number | null;
  /** What centralizing takes, measured on a copy of the gradient; in the row of a step's first kernel. */
  readonly centralizeMs: number | null;
  /** What the step's whole update took; in the row of a step's first kernel. */
  readonly updateMs: number | null;
}

const NUMBERS = [
  "gradientNorm",
  "removedShare",
  "weightNorm",
  "kernelMean",
  "updateNorm",
  "updateCosine",
  "centralizeMs",
  "updateMs",
] as const;
const COLUMNS = ["arm", "seed", "learningRate", "role", "epoch", "step", "kernel", ...NUMBERS] as const;

/** The first line of diagnostics.csv, with its end. */
export const DIAGNOSTICS_HEADER = `${COLUMNS.join(",")}\n`;

/** A row as a line of diagnostics.csv, with its end. Numbers keep all their bits. */
export function diagnosticsLine(row: DiagnosticsRow): string {
  return `${COLUMNS.map((column) => row[column] ?? "").join(",")}\n`;
}

/**
 * Reads diagnostics.csv. A last line without an end, which a process that was killed may leave, is left out.
 * @throws {HerdError} data, if another line is not one that {@linkcode diagnosticsLine} writes
 */
export function parseDiagnostics(text: string): DiagnosticsRow[] {
  const [header, ...lines] = text.split("\n").slice(0, -1);
  if (header !== DIAGNOSTICS_HEADER.trimEnd()) throw refusal(1);
  return lines.map((line, i) => parseLine(line, i + 2));
}

/**
 * The rows of the steps that trainings have behind them. Steps after it are computed again, and rows of theirs come
 * again.
 * @param stands where each training goes on from; of those that are not named, no row is kept
 * @param learningRate of trainings whose key names none
 */
export function rowsUntil(
  rows: readonly DiagnosticsRow[],
  stands: readonly Pick<Position, "key" | "epoch" | "step">[],
  learningRate: number,
): DiagnosticsRow[] {
  const standOf = new Map(stands.map((stand) => [idOf(trainingFields(stand.key, learningRate)), stand]));
  return rows.filter((row) => {
    const stand = standOf.get(idOf(row));
    if (stand === undefined) return false;
    return row.epoch < stand.epoch || (row.epoch === stand.epoch && row.step <= stand.step);
  });
}

/** The fields of a row that name its training. */
export function trainingFields(
  { arm, seed, role, ...key }: RunKey,
  learningRate: number,
): Pick<DiagnosticsRow, "arm" | "seed" | "learningRate" | "role"> {
  return { arm, seed, learningRate: key.learningRate ?? learningRate, role: role ?? null };
}

function idOf({ arm, seed, learningRate, role }: ReturnType<typeof trainingFields>): string {
  return [arm, seed, learningRate, role].join();
}

function parseLine(line: string, number: number): DiagnosticsRow {
  const cells = line.split(",");
  if (cells.length !== COLUMNS.length) throw refusal(number);
  const cellOf = (column: typeof COLUMNS[number]) => cells[COLUMNS.indexOf(column)]!;
  const numberOf = (column: typeof COLUMNS[number]): number => {
    const cell = cellOf(column);
    const value = Number(cell);
    // A training that diverges may have written NaN, which is then no sign of damage.
    if (cell.trim() === "" || (Number.isNaN(value) && cell !== "NaN")) throw refusal(number);
    return value;
  };
  const arm = ARM_NAMES.find((name) => name === cellOf("arm"));
  const role = ROLES.find((name) => name === cellOf("role")) ?? null;
  if (arm === undefined || (role ?? "") !== cellOf("role")) throw refusal(number);
  const [seed, learningRate, epoch, step] = (["seed", "learningRate", "epoch", "step"] as const).map(numberOf);
  const numbers = NUMBERS.map((column) => [column, cellOf(column) === "" ? null : numberOf(column)] as const);
  return {
    arm,
    seed: seed!,
    learningRate: learningRate!,
    role,
    epoch: epoch!,
    step: step!,
    kernel: cellOf("kernel"),
    ...Object.fromEntries(numbers) as Record<typeof NUMBERS[number], number | null>,
  };
}

function refusal(line: number): HerdError {
  return new HerdError("data", `line ${line} of diagnostics.csv is not one that this version of Herd writes`);
}
