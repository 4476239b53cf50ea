// The artefact as a picture: by the protocol as published, the second arm goes on where the first one ended.
import type { ArmReport } from "../../report.ts";
import { across, DASHES, named, upward } from "../channels.ts";
import type { Chart, Layers } from "../draw.ts";
import { listed, plain } from "../figures.ts";
import { COLOURS } from "../looks.ts";
import { scaleOf, wholeScale } from "../scale.ts";

const HEIGHT = 210;
const GAP = 14;

/**
 * Trainings of one seed: the first arm, the second one from the same weights, and the second one from the first's
 * last weights.
 */
export interface Published {
  readonly first: ArmReport;
  readonly fair: ArmReport | undefined;
  readonly published: ArmReport;
}

/** The training loss of all, one after the other as they were trained. */
export function publishedChart({ first, fair, published }: Published, id: string): Chart {
  const begin = first.epochs.length;
  const line = (kind: string, epochs: ArmReport["epochs"], after: number) =>
    epochs.filter(({ loss }) => Number.isFinite(loss)).map(({ epoch, loss }) => ({ kind, epoch: after + epoch, loss }));
  const lines = {
    first: line("first", first.epochs, 0),
    fair: line("fair", fair?.epochs ?? [], 0),
    published: line("published", published.epochs, begin),
  };
  const all = Object.values(lines).flat();
  const texts = { first: first.arm, fair: `${published.arm}, fair`, published: "published" };
  const ends = Object.values(lines).flatMap((one) => one.length === 0 ? [] : [one.at(-1)!]);
  const scale = scaleOf(all.map(({ loss }) => loss));
  const x = across(
    "epoch",
    wholeScale(Math.max(1, ...all.map(({ epoch }) => epoch))),
    "epoch, in the order of training",
  );
  const y = upward("loss", scale);
  const color = named("kind", { first: COLOURS["no-gc"], fair: COLOURS.gc, published: "var(--warn)" });
  const strokeDash = named("kind", { first: DASHES.whole, fair: [7, 3], published: [2, 2.5] });
  const perPixel = (scale.high - scale.low) / HEIGHT;
  const lowest = Math.min(...ends.filter(({ kind }) => kind !== "published").map(({ loss }) => loss));
  const names = ends.map(({ kind, epoch, loss }, i) => ({
    kind,
    epoch: kind === "published" ? epoch : begin,
    // The first ones end in the middle of the chart: their names stand below them.
    loss: kind === "published" ? loss : lowest - perPixel * GAP * (1 + i),
    text: texts[kind as keyof typeof texts],
  }));
  const name = (
    rows: typeof names,
    look: { readonly align: "left" | "right"; readonly dx: number },
  ): Layers[number] => ({
    data: { values: rows },
    mark: { type: "text", baseline: "middle", fontSize: 11, fontWeight: 600, ...look },
    encoding: { x, y, color, text: { field: "text" } },
  });
  return {
    id,
    title: "Training loss as published",
    subtitle: "ARTEFACT: published starts where the first arm ended",
    description: `Training loss of seed ${first.seed}: ${
      listed(ends.map(({ kind, loss }) => `${texts[kind as keyof typeof texts]} ends at ${plain(loss, 4)}`))
    }. The second arm as published starts from the weights that the first one ended with.`,
    height: HEIGHT,
    right: 74,
    layers: [
      {
        data: { values: [{ epoch: begin + 0.5 }] },
        mark: { type: "rule", color: "var(--soft)", strokeDash: DASHES.dotted },
        encoding: { x },
      },
      { data: { values: all }, mark: { type: "line", strokeWidth: 2.2 }, encoding: { x, y, color, strokeDash } },
      name(names.filter(({ kind }) => kind === "published"), { align: "left", dx: 8 }),
      name(names.filter(({ kind }) => kind !== "published"), { align: "right", dx: 0 }),
      {
        data: { values: [{ epoch: begin + 0.5, text: "second arm begins" }] },
        mark: { type: "text", align: "left", baseline: "top", dx: 6, fontSize: 10.5, color: "var(--soft)" },
        encoding: { x, y: { value: 2 }, text: { field: "text" } },
      },
    ],
  };
}
