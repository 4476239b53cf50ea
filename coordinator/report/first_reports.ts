// Reports of version 1, which say no version: read as today's. What they do not know is null or empty; a learning rate
// of 0 stands for one that was not recorded, since none can be 0.
import * as v from "valibot";
import type { ArmReport, Comparison, Metric, PairReport, Report, Verdict } from "./report.ts";
import { isHigherBetter } from "../events/mod.ts";
import { LEAST_PAIRS } from "../statistics/mod.ts";
import { METRICS } from "./report.ts";
import { commonEntries, comparisonEntries, trainingEntries } from "./report_schema.ts";

/** What stands for a learning rate that was not recorded. */
const NOT_RECORDED = 0;

/** By which these reports are judged: AUC was not recorded. */
const PRIMARY: Metric = "testLoss";
const schema = v.looseObject({
  ...commonEntries,
  arms: v.array(v.looseObject(trainingEntries)),
  comparison: v.array(v.looseObject(comparisonEntries)),
});

type FirstReport = v.InferOutput<typeof schema>;

/** The schema of the first version. */
export const firstSchema: v.GenericSchema<unknown, Report> = v.pipe(schema, v.transform(asOfToday));

function asOfToday(first: FirstReport): Report {
  const arms = first.arms.map((one): ArmReport => ({
    ...one,
    learningRate: NOT_RECORDED,
    role: null,
    bestEpoch: null,
    diverged: null,
    confusion: null,
  }));
  const pairs = pairsOf(arms);
  const epochs = arms.reduce((most, { epochs }) => Math.max(most, epochs.length), 0);
  const seeds = [...new Set(arms.map(({ seed }) => seed))];
  const count = new Set(pairs.map(({ seed }) => seed)).size;
  return {
    ...first,
    formatVersion: 1,
    verdict: verdictOf(count),
    plan: {
      arms: [...new Set(arms.map(({ arm }) => arm))],
      seeds,
      declaredSeeds: seeds.length,
      epochs,
      declaredEpochs: epochs,
      learningRates: [NOT_RECORDED],
      control: false,
      protocol: "fair",
      optimizer: "",
      momentum: 0,
      nesterov: false,
      gcScope: "all",
      gcScale: 1,
      initWeights: null,
      batchSize: 0,
      microBatch: 0,
      classWeights: null,
    },
    arms,
    pairs,
    comparison: first.comparison.map((one) => comparisonOf(one, pairs)),
    diagnostics: null,
    provenance: { command: "", herd: "", deno: "" },
  };
}

/** The first arm with each other one of the same seed that has come equally far. */
function pairsOf(arms: readonly ArmReport[]): PairReport[] {
  const baseline = arms[0]?.arm;
  return arms.flatMap((one) => {
    const other = arms.find(({ arm, seed }) => arm === baseline && seed === one.seed);
    if (other === undefined || one.arm === baseline) return [];
    if (one.epochs.length === 0 || one.epochs.length !== other.epochs.length) return [];
    const valueOf = ({ trainSeconds, epochs }: ArmReport, metric: Metric) =>
      metric === "seconds" ? trainSeconds : epochs.at(-1)![metric];
    const values = Object.fromEntries(
      METRICS.map((metric) => [metric, [valueOf(other, metric), valueOf(one, metric)]]),
    );
    const { seed, learningRate, arm, role } = one;
    return [{
      seed,
      learningRate,
      baseline: other.arm,
      arm,
      role,
      values: values as Record<Metric, [number | null, number | null]>,
      diverged: null,
      delong: null,
    }];
  });
}

function comparisonOf(one: FirstReport["comparison"][number], pairs: readonly PairReport[]): Comparison {
  const sign = isHigherBetter(one.metric) ? 1 : -1;
  const gains = pairs.filter(({ arm, baseline }) => arm === one.arm && baseline === one.baseline)
    .flatMap(({ values: { [one.metric]: [a, b] } }) => a === null || b === null ? [] : [sign * (b - a)]);
  return {
    ...one,
    learningRate: NOT_RECORDED,
    role: null,
    kind: "exploratory",
    diverged: { arm: 0, baseline: 0 },
    bca95: null,
    crossed95: null,
    effectSize: null,
    wins: gains.filter((gain) => gain > 0).length,
    losses: gains.filter((gain) => gain < 0).length,
    ties: gains.filter((gain) => gain === 0).length,
    signP: null,
    tP: null,
    holmP: null,
    leastDetectable: null,
    withheld: null,
  };
}

function verdictOf(pairs: number): Verdict {
  const [outcome, sentence] = pairs === 0
    ? ["not compared", "nothing is compared: no two arms have come equally far"] as const
    : pairs < LEAST_PAIRS
    ? ["too few pairs", `too few pairs: ${pairs}, and no rule stood before the run`] as const
    : ["not compared", "not judged: no rule stood before the run"] as const;
  return {
    outcome,
    sentence,
    rule: "None: when this run was made, there was none yet.",
    primary: PRIMARY,
    confirmatory: false,
    exploratoryBecause: "no rule stood before the run",
  };
}
