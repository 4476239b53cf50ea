// Which classes are taken for which: the confusion matrix of each arm's last epoch.
import { type Markup, markup } from "../../markup.ts";
import type { Report } from "../../report.ts";
import { count, plain, rate, UNKNOWN } from "../figures.ts";
import type { Section } from "../section.ts";
import { figures, type Table, tableOf, words } from "../table.ts";
import { compared, defaultRate, type Group, groupsOf, meant } from "../trainings.ts";

/** More classes than this have no matrix, only what each is most often taken for. */
const MOST_COLUMNS = 20;

/** A matrix an arm at the default rate; null where none was recorded. */
export function classesSection(report: Report): Section | null {
  const trainings = compared(report).filter(({ learningRate }) => learningRate === defaultRate(report));
  const tables = groupsOf(trainings).flatMap((group) => tableOfArm(report, group));
  if (tables.length === 0) return null;
  return {
    id: "classes",
    title: "Classes",
    content: [
      markup`<p>Test images of the last epoch: a row a class, and in it what its images were taken for. Right is the part of
them that was taken for what they are.</p>`,
      ...tables,
    ],
  };
}

function tableOfArm({ dataset }: Report, { arm, learningRate, trainings }: Group): Markup[] {
  const matrices = meant(trainings).flatMap(({ confusion, diverged }) =>
    confusion === null || diverged !== null ? [] : [confusion]
  );
  if (matrices.length === 0) return [];
  const { classNames } = dataset;
  const sums = matrices[0]!.map((row, label) =>
    row.map((_, other) => sum(matrices.map((one) => one[label]?.[other] ?? 0)))
  );
  const isWide = classNames.length > MOST_COLUMNS;
  const table: Table = {
    caption: `${arm} at ${rate(learningRate)}, ${
      matrices.length === 1 ? "one seed" : `sums over ${count(matrices.length, "seed")}`
    }`,
    columns: [
      ...words("Class"),
      ...figures("Test images", "Right", ...isWide ? [] : classNames.map((name) => `as ${name}`)),
      ...isWide ? words("Most often taken for") : [],
    ],
    rows: sums.map((row, label) => {
      const all = sum(row);
      return [
        classNames[label] ?? String(label),
        String(all),
        all === 0 ? UNKNOWN : plain(row[label]! / all, 4),
        ...isWide ? [mistakeOf(row, label, classNames)] : row.map(String),
      ];
    }),
  };
  return [tableOf(table)];
}

/** "wolf (12)", the first of the most frequent ones; "–" for none. */
function mistakeOf(row: readonly number[], label: number, names: readonly string[]): string {
  const others = row.map((images, other) => other === label ? 0 : images);
  const most = Math.max(...others);
  return most === 0 ? UNKNOWN : `${names[others.indexOf(most)]} (${most})`;
}

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
