// The parts of the page that are no charts: numbers, tables and the log.
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import { figure, formatSeconds } from "../../../shared/cli/format.ts";
import type { RunTold, WorkerTold } from "../message.ts";
import { ago, pairsOf, type Story } from "./figures.ts";
import { byId, element, say, Table } from "./tables.ts";

const PARTS = [
  ["compute", "computing, in the busiest worker"],
  ["wait", "sending, receiving and waiting"],
  ["sum", "checking answers and adding them up"],
  ["update", "the update"],
  ["send", "giving out leaves and weights"],
] as const;

const workersTable = new Table("Those that have computed", [
  ...["Worker", "Host", "Engine", "Device"].map((head) => ({ head, isText: true })),
  ...["Images a second", "Share of leaves", "Last sign of life", "Times lost"].map((head) => ({ head })),
]);
const pairsTable = new Table("Pairs of trainings", [
  { head: "Pair", isText: true },
  ...["Epoch", "Test loss", "Test accuracy", "Test AUC", "Difference in test AUC"].map((head) => ({ head })),
]);
const partsTable = new Table("Parts of a step, mean of the last steps", [
  { head: "Part", isText: true },
  ...["Seconds", "Share"].map((head) => ({ head })),
]);

/** "Test AUC", or what stands in its place for more than two classes. */
export function aucName({ isAucMacro }: RunTold): string {
  return isAucMacro ? "Macro test AUC" : "Test AUC";
}

/** Puts the tables where they belong. */
export function placeTables(): void {
  byId("workers-table").append(workersTable.element);
  byId("pairs-table").append(pairsTable.element);
  byId("parts-table").append(partsTable.element);
}

/** Where the run stands. */
export function showNumbers({ progress, run, end }: Story): void {
  const bar = byId<HTMLProgressElement>("done");
  bar.hidden = progress === undefined;
  bar.value = progress?.done ?? 0;
  if (progress === undefined || run === null) return byId("numbers").replaceChildren();
  const { training, epoch, step, steps, loss, accuracy, imagesPerSecond, done, secondsLeft } = progress;
  const left = secondsLeft === null || end !== undefined ? [] : [
    ["Time left", formatSeconds(secondsLeft)],
    [
      "Done at",
      new Date(Date.now() + 1000 * secondsLeft).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }),
    ],
  ];
  const numbers = [
    ["Epoch", `${epoch} of ${run.epochs}`],
    ["Step", `${step} of ${steps}`],
    ["Loss", loss.toFixed(4)],
    ["Accuracy", accuracy.toFixed(4)],
    ["Images a second", figure(imagesPerSecond, 1)],
    ["Of the run", `${Math.floor(100 * done)} %`],
    ...left,
    // At the end, as it is now short and now long.
    ["Training", run.trainings.find(({ name }) => name === training)?.label ?? training],
  ];
  byId("numbers").replaceChildren(
    ...numbers.map(([name, value]) => element("div", {}, element("dt", {}, name!), element("dd", {}, value!))),
  );
}

/** The pairs of a group. */
export function showPairs(story: Story, group: string): void {
  const pairs = pairsOf(story, group);
  byId("pairs").hidden = pairs.length === 0;
  const both = (a: number | null, b: number | null) => `${figure(a, 4)} → ${figure(b, 4)}`;
  pairsTable.fill(pairs.map(({ seed, arm, epoch, first, second, diverged }) => {
    const difference = first.testAuc === null || second.testAuc === null ? null : second.testAuc - first.testAuc;
    return {
      cells: [
        `seed ${seed}: ${story.run!.arms[0]} → ${arm}`,
        `${epoch}${diverged.map((arm) => `, ${arm} diverged`).join("")}`,
        both(first.testLoss, second.testLoss),
        both(first.testAccuracy, second.testAccuracy),
        both(first.testAuc, second.testAuc),
        difference === null ? "–" : signed(difference),
      ],
    };
  }));
}

function signed(value: number): string {
  const text = Math.abs(value).toFixed(4);
  return Number(text) === 0 ? text : `${value < 0 ? "−" : "+"}${text}`;
}

/** Who computes, and who did. @param later seconds since that was told */
export function showWorkers(story: Story, later: number): void {
  const lifeOf = ({ isHere, isExcluded, silentSeconds }: WorkerTold) => {
    if (!isHere) return isExcluded ? "excluded" : "gone";
    return silentSeconds === null ? "–" : ago(silentSeconds + later);
  };
  workersTable.fill(story.workers.map((worker) => {
    const { id, host, pid, engine, adapter, isHere, imagesPerSecond, share, lost } = worker;
    return {
      ...isHere ? {} : { kind: "gone" },
      cells: [
        id,
        host === "" ? `this machine, pid ${pid}` : `${host}, pid ${pid}`,
        engine,
        adapter,
        imagesPerSecond === 0 ? "–" : imagesPerSecond.toFixed(1),
        share === null ? "–" : `${Math.round(100 * share)} %`,
        lifeOf(worker),
        `${lost}`,
      ],
    };
  }));
  say("faults", story.faults ? `Mended in the whole run: ${story.faults}` : "");
}

/** Where a step's time goes. */
export function showParts({ parts }: Story): void {
  byId("parts").hidden = parts === undefined;
  if (parts === undefined) return;
  const all = PARTS.reduce((sum, [name]) => sum + parts[name], 0);
  const bar = byId("parts-bar");
  if (bar.childElementCount === 0) bar.append(...PARTS.map(([name]) => element("span", { class: name })));
  PARTS.forEach(([name], i) => (bar.children[i] as HTMLElement).style.flexGrow = `${parts[name] / (all || 1)}`);
  const decimals = all < 1 ? 4 : 2;
  partsTable.fill(PARTS.map(([name, words]) => ({
    cells: [
      element("span", {}, element("span", { class: `swatch ${name}` }), words),
      parts[name].toFixed(decimals),
      all === 0 ? "–" : `${(100 * parts[name] / all).toFixed(1)} %`,
    ],
  })));
}

/** The newest line first. */
export function showLog({ log }: Story): void {
  const list = byId("log");
  const name = `${log.length} ${log.at(-1)?.time ?? 0}`;
  if (list.dataset["shown"] === name) return;
  list.dataset["shown"] = name;
  list.replaceChildren(
    ...log.toReversed().map(({ time, text, isWarning }) => {
      const when = new Date(time);
      const clock = element("time", { datetime: when.toISOString() }, when.toLocaleTimeString());
      return element("li", {}, clock, element("span", isWarning ? { class: "warning" } : {}, text));
    }),
  );
}
