// The protocol that the example was published with, beside the fair one.
import { markup } from "../../markup.ts";
import type { ArmReport, Report } from "../../report.ts";
import { type Published, publishedChart } from "../charts/published.ts";
import { figureWithTable } from "../figure.ts";
import { plain, rate, signed } from "../figures.ts";
import type { Section } from "../section.ts";
import { figures, type Table, words } from "../table.ts";

/** Null without such trainings. */
export async function publishedSection(report: Report): Promise<Section | null> {
  const all = report.arms.filter(({ role, epochs }) => role === "published" && epochs.length > 0).map((published) =>
    besides(published, report.arms)
  );
  const drawn = all.filter((one): one is Published => one.first !== undefined);
  if (all.length === 0) return null;
  return {
    id: "as-published",
    title: "As published, beside the fair protocol",
    content: [
      markup`<p><strong>ARTEFACT.</strong> In the example as published until mid-2025, both arms trained the
same network object, one after the
other: the second arm started from the weights that the first one ended with, and had twice the epochs when
they were compared. It was
judged by training metrics of one seed. Whatever the second arm is, it looks better: here is how much of that
is the head start.</p>`,
      ...await Promise.all(drawn.map((one) =>
        figureWithTable(report, {
          chart: publishedChart(one, `published-${one.published.seed}-${rate(one.published.learningRate)}`),
          caption: captionOf(one),
          table: publishedTable(one),
        })
      )),
    ],
  };
}

/** The trainings that belong to one by the protocol as published. */
function besides(
  published: ArmReport,
  arms: readonly ArmReport[],
): Omit<Published, "first"> & { first: ArmReport | undefined } {
  const own = arms.filter(({ role, seed, learningRate, epochs }) =>
    role === null && seed === published.seed && learningRate === published.learningRate && epochs.length > 0
  );
  const fair = own.find(({ arm }) => arm === published.arm);
  return { published, fair, first: own.find(({ arm }) => arm !== published.arm) };
}

function publishedTable({ first, fair, published }: Published): Table {
  const base = first.epochs.at(-1)!;
  const row = (name: string, one: ArmReport | undefined) => {
    const last = one?.epochs.at(-1);
    if (last === undefined) return [];
    const isBase = one === first;
    return [[
      name,
      plain(last.loss, 4),
      isBase ? "" : signed(last.loss - base.loss, 4),
      plain(last.accuracy, 4),
      isBase ? "" : signed(last.accuracy - base.accuracy, 4),
    ]];
  };
  return {
    caption: `Training metrics of the last epoch, seed ${published.seed}`,
    columns: [...words("Training"), ...figures("Loss", `− ${first.arm}`, "Accuracy", `− ${first.arm}`)],
    rows: [
      ...row(first.arm, first),
      ...row(`${published.arm}, fair`, fair),
      ...row(`${published.arm}, as published (ARTEFACT)`, published),
    ],
  };
}

function captionOf({ first: { arm: first }, published: { arm, seed } }: Published): string {
  return `Seed ${seed}. Grey: ${first}; dashed: ${arm} from the same weights as ${first}; dotted: ${arm} from the ` +
    `weights that ${first} ended with.`;
}
