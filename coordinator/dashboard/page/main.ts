// The dashboard's page: comes in by its link, listens, and shows what it hears.
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import type { Everything, News, WorkerTold } from "../message.ts";
import { Chart, sample } from "./charts.ts";
import { afterNews, epochCurves, groupsOf, type Metric, NOTHING, stepCurves, type Story } from "./figures.ts";
import { aucName, placeTables, showLog, showNumbers, showPairs, showParts, showWorkers } from "./sections.ts";
import { byId, element, say } from "./tables.ts";

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
let story: Story = NOTHING;
let charts: { readonly chart: Chart; readonly show: (group: string) => void }[] = [];
let isConnected = false;
let isStopping = false;
/** When the workers were told of last. */
let heardAt = 0;

placeTables();
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
    const title = metric === "testAccuracy" ? `${name}${chance}` : metric === "testAuc" ? aucName(run) : name;
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
  showNumbers(story);
  showPairs(story, group);
  showWorkers(story, 0);
  showParts(story);
  showLog(story);
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
setInterval(() => showWorkers(story, (performance.now() - heardAt) / 1000), 1_000);

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
