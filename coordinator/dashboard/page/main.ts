// The dashboard's page: comes in by its link, listens, and shows what it hears.
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import { figure, formatSeconds } from "../../../shared/cli/format.ts";
import type { Everything, News, WorkerTold } from "../message.ts";
import { Chart, sample } from "./charts.ts";
import {
  afterNews,
  ago,
  epochCurves,
  groupsOf,
  type Metric,
  NOTHING,
  pairsOf,
  stepCurves,
  type Story,
} from "./figures.ts";
import { byId, element, say, Table } from "./tables.ts";

const TOKEN = "herd-token";
/** How long a page waits to come again where the browser does not. */
const AGAIN_MS = 5_000;
const METRICS: readonly (readonly [Metric, string])[] = [
  ["loss", "Training loss"],
  ["testLoss", "Test loss"],
  ["accuracy", "Training accuracy"],
  ["testAccuracy", "Test accuracy"],
  ["testAuc", "Test AUC"],
];
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

let story: Story = NOTHING;
let charts: { readonly chart: Chart; readonly show: (group: string) => void }[] = [];
let isConnected = false;
let isStopping = false;
/** When the workers were told of last. */
let heardAt = 0;

byId("workers-table").append(workersTable.element);
byId("pairs-table").append(pairsTable.element);
byId("parts-table").append(partsTable.element);
await comeIn();
listen();

/** Exchanges the link for a cookie, and takes the secret out of the address and the history. */
async function comeIn(): Promise<void> {
  const secret = location.hash.slice(1);
  if (secret === "") return;
  history.replaceState(null, "", location.pathname);
  const response = await fetch("/session", { method: "POST", body: secret }).catch(() => undefined);
  // One that was used before does no harm where the cookie is still there.
  if (response?.ok) localStorage.setItem(TOKEN, await response.text());
}

function listen(): void {
  const source = new EventSource("/events");
  const on = <T>(name: string, then: (told: T) => void) =>
    source.addEventListener(name, ({ data }: MessageEvent<string>) => then(JSON.parse(data)));
  on<Everything>("everything", (everything) => {
    const before = story;
    story = afterNews({ ...NOTHING, run: everything.run }, everything);
    if (!isConnected && before !== NOTHING) speak("Connected again");
    isConnected = true;
    isStopping = false;
    begin(before);
    show();
  });
  on<News>("news", (news) => {
    const before = story;
    story = afterNews(story, news);
    tellAloud(before, news);
    show();
    if (story.end?.complete) source.close();
  });
  on("full", () => {
    source.close();
    lock("Too many pages listen to this run: close one of them and load this one again.");
  });
  source.addEventListener("error", () => {
    if (isConnected && story.end === undefined) speak("The connection is lost");
    isConnected = false;
    showState();
    if (source.readyState !== EventSource.CLOSED) return; // the browser tries again
    if (story === NOTHING) return lock("Open the link that the terminal shows: each opens once, in one browser.");
    source.close();
    setTimeout(listen, AGAIN_MS);
  });
}

function lock(text: string): void {
  say("state", "This page is locked");
  say("reason", text);
  byId("reason").hidden = false;
}

/** A run is known, perhaps another one than before. */
function begin(before: Story): void {
  const { run } = story;
  byId("all").hidden = false;
  byId("buttons").hidden = localStorage.getItem(TOKEN) === null;
  if (run === null || JSON.stringify(run) === JSON.stringify(before.run)) return;
  const { arms } = run;
  say("subject", `${run.model} on ${run.dataset}: ${arms.join(", ")}`);
  byId("mark").hidden = !run.fallback;
  byId("arms").replaceChildren(...arms.map((arm) => element("li", {}, sample(arm), arm)));
  const groups = groupsOf(run);
  const select = byId<HTMLSelectElement>("group");
  select.replaceChildren(...groups.map((group) => element("option", {}, group)));
  byId("group-label").hidden = groups.length < 2;
  const chance = run.chance === null ? "" : `, chance ${Number(run.chance.toFixed(4))}`;
  const byEpoch = METRICS.map(([metric, name]) => {
    const title = metric === "testAccuracy" ? `${name}${chance}` : name;
    const chart = new Chart({ title, place: "epoch", arms, decimals: 4 });
    return { chart, show: (group: string) => chart.show(epochCurves(story, metric, group)) };
  });
  const chart = new Chart({ title: "Loss of each step, newest epoch", place: "step", arms, decimals: 4 });
  charts = [...byEpoch, { chart, show: () => chart.show(stepCurves(story)) }];
  byId("charts").replaceChildren(...charts.map(({ chart }) => chart.element));
}

function show(): void {
  heardAt = performance.now();
  const group = byId<HTMLSelectElement>("group").value;
  for (const { show } of charts) show(group);
  const hasSingles = epochCurves(story, "loss", group).curves.some(({ of }) => of !== "mean");
  say("curves-note", hasSingles ? "Bold: the mean of the trainings so far. Thin: each of them." : "");
  showState();
  showNumbers();
  showPairs(group);
  showWorkers();
  showParts();
  showLog();
}

function showState(): void {
  const { end, progress, run } = story;
  const words = () => {
    if (end?.complete) return "Complete";
    if (end !== undefined) return "Broken off";
    if (!isConnected) return "The connection is lost: trying again";
    if (isStopping) return "Stopping";
    if (run === null) return "Preparing";
    return progress === undefined ? "Waiting for workers" : "Training";
  };
  const state = words();
  say("state", state);
  const reason = end === undefined ? "" : end.complete ? `The report is in ${run?.folder}/report.html` : end.message;
  say("reason", reason);
  byId("reason").hidden = reason === "";
  for (const id of ["stop", "share"]) {
    byId<HTMLButtonElement>(id).disabled = !isConnected || end !== undefined || isStopping;
  }
  const percent = progress === undefined ? "" : `${Math.floor(100 * progress.done)} % · `;
  document.title = `${percent}${state} · Herd`;
}

function showNumbers(): void {
  const { progress, run, end } = story;
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

function showPairs(group: string): void {
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

function showWorkers(): void {
  const later = (performance.now() - heardAt) / 1000;
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

function showParts(): void {
  const { parts } = story;
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
function showLog(): void {
  const list = byId("log");
  const { log } = story;
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

/** Seldom: what somebody who listens to the page must not miss. */
function tellAloud(before: Story, { workers = [], end }: News): void {
  if (end !== undefined) return speak(end.complete ? "The run is complete" : `The run is broken off: ${end.message}`);
  const here = (told: readonly WorkerTold[]) => told.filter(({ isHere }) => isHere).map(({ id }) => id);
  const [was, is] = [here(before.workers), here(workers)];
  const changed = [
    ...was.filter((id) => workers.length > 0 && !is.includes(id)).map((id) => `Worker ${id} is lost`),
    ...is.filter((id) => before.workers.length > 0 && !was.includes(id)).map((id) => `Worker ${id} is there`),
  ];
  if (changed.length > 0) speak(changed.join(". "));
}

function speak(text: string): void {
  byId("spoken").textContent = text;
}

function act(path: "/stop" | "/link"): Promise<Response> {
  return fetch(path, { method: "POST", headers: { "x-herd-token": localStorage.getItem(TOKEN) ?? "" } });
}

byId("group").addEventListener("change", show);
setInterval(showWorkers, 1_000);

byId("stop").addEventListener("click", () => byId<HTMLDialogElement>("stop-dialog").showModal());
byId("stop-dialog").addEventListener("close", async () => {
  const dialog = byId<HTMLDialogElement>("stop-dialog");
  if (dialog.returnValue !== "stop") return;
  dialog.returnValue = "";
  const response = await act("/stop").catch(() => undefined);
  isStopping = response?.ok ?? false;
  if (!isStopping) speak("The run could not be stopped from here");
  showState();
});
byId("share").addEventListener("click", async () => {
  const response = await act("/link").catch(() => undefined);
  if (!response?.ok) return speak("There is no further link from here");
  byId<HTMLInputElement>("share-link").value = `${location.origin}/#${await response.text()}`;
  byId<HTMLDialogElement>("share-dialog").showModal();
  byId<HTMLInputElement>("share-link").select();
});
byId("share-copy").addEventListener("click", async () => {
  byId<HTMLInputElement>("share-link").select();
  await navigator.clipboard?.writeText(byId<HTMLInputElement>("share-link").value);
});
