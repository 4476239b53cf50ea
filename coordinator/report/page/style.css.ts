// How the page looks: in the light, in the dark and on paper, on a desk and on a phone. Charts take their colours from
// here.
import { markup } from "../markup.ts";
import { SCHEMES } from "./colours.css.ts";

/** The style sheet. */
export const STYLE = markup`<style>
${SCHEMES}
*, ::before, ::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; background: var(--paper); }
body {
  font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif;
  color: var(--ink); background: var(--paper);
  max-width: 70rem; margin: 0 auto; padding: clamp(1.5rem, 5vw, 4rem) clamp(1rem, 4vw, 2.5rem);
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
}
h1, h2, p, dl, ul, figure { margin: 0; }
p, li { max-width: 44rem; }
h1 { font-size: 1rem; font-weight: 500; color: var(--soft); }
h2 { font-size: 1.375rem; font-weight: 650; line-height: 1.3; letter-spacing: -.005em; }
.arm { white-space: nowrap; }
a { color: var(--link); text-underline-offset: .2em; text-decoration-thickness: 1px; }
code { font: .875em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  overflow-wrap: anywhere; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 3px; border-radius: 2px; }

.mark { background: var(--mark); border-left: 4px solid var(--mark-edge); padding: .7rem 1rem;
  margin-bottom: .75rem; font-weight: 600; max-width: none; }
.mark.grave { border-color: var(--bad); }
header .marks { margin-bottom: 2rem; }
.verdict { font-size: clamp(1.5rem, 1.05rem + 2vw, 2.25rem); font-weight: 650; line-height: 1.22;
  letter-spacing: -.015em;
  text-wrap: balance; max-width: 60rem; margin: .4rem 0 1.1rem; }
.pills { display: flex; flex-wrap: wrap; gap: .5rem; margin: 0 0 2rem; padding: 0; list-style: none; }
.pills li { font-size: .875rem; line-height: 1.4; padding: .2rem .8rem; border: 1px solid var(--rule);
  border-radius: 1rem; color: var(--soft); }
.pills .outcome { font-weight: 650; color: var(--ink); }
.pills .better { color: var(--good); border-color: currentColor; } .pills .worse { color: var(--bad);
  border-color: currentColor; }
.numbers { display: flex; flex-wrap: wrap; gap: 1rem 2.25rem; padding: 1.1rem 0; border-block: 1px solid var(--grid); }
.numbers dt { font-size: .8125rem; color: var(--soft); line-height: 1.4; }
.numbers dd { margin: 0; font-size: 1.1875rem; line-height: 1.4; font-weight: 550; white-space: nowrap; }
.contrast { font-size: .9375rem; color: var(--soft); margin: 1.6rem 0 .5rem; }
.rule { font-size: .9375rem; color: var(--soft); margin-top: 1rem; } .rule strong { color: var(--ink);
  font-weight: 600; }
nav { margin-top: 1.75rem; font-size: .9375rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .35rem 1.25rem; list-style: none; padding: 0; }

section { margin-top: clamp(3rem, 7vw, 4.75rem); scroll-margin-top: 1rem; }
section > h2 { margin-bottom: .75rem; }
section > p + p { margin-top: .6rem; } section > .scroll { margin-top: 1.1rem; }
.note { color: var(--soft); font-size: .9375rem; margin-top: .75rem; } .note.strong { color: var(--ink);
  font-weight: 550; }
.limits { padding-left: 1.2rem; } .limits li { margin-top: .35rem; }

.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr));
  gap: 2.5rem 1.75rem; margin-top: 2rem; align-items: start; }
.figure { min-width: 0; max-width: 27rem; }
.figure svg { display: block; width: 100%; height: auto; overflow: visible; }
figcaption { font-size: .875rem; line-height: 1.5; color: var(--soft); margin-top: .35rem; }
.undrawn { border: 1px dashed var(--rule); padding: 2rem 1rem; color: var(--soft); }

details { margin-top: .85rem; min-width: 0; }
summary { cursor: pointer; color: var(--link); font-size: .9375rem; width: fit-content; padding: .15rem 0; }
.figure summary { font-size: .8125rem; }
.figure details { margin-top: .35rem; }
.duo { display: grid; grid-template-columns: minmax(min(100%, 20rem), 24rem) minmax(0, 1fr); gap: 1.5rem 3rem;
  align-items: center; margin-top: 2rem; }
/* What is hidden to the right shows as a shade at the edge. */
.scroll { overflow-x: auto; max-width: 100%;
  background: linear-gradient(to left, var(--paper) 1.5rem, transparent 3rem) right / 3rem 100% no-repeat local,
    linear-gradient(to left, var(--shade), transparent) right / .9rem 100% no-repeat scroll; }
table { border-collapse: collapse; font-size: .875rem; line-height: 1.45; margin: .6rem 0 .9rem; }
caption { text-align: left; color: var(--soft); font-size: .8125rem; padding-bottom: .4rem; white-space: nowrap; }
th, td { padding: .38rem .85rem; border-bottom: 1px solid var(--grid); text-align: right; white-space: nowrap;
  vertical-align: baseline; }
th:first-child, td:first-child { padding-left: 0; }
.narrow th, .narrow td { white-space: normal; overflow-wrap: normal; padding-inline: .5rem; }
.narrow th:first-child { padding-left: 0; min-width: 7.5em; }
.said-of { padding-left: 1.2rem; margin: 0 0 .9rem; font-size: .9375rem; } .said-of li { margin-top: .35rem; }
thead th { color: var(--soft); font-weight: 500; border-color: var(--rule); vertical-align: bottom; }
tbody th { font-weight: 550; } th.text, td.text { text-align: left; }
pre { background: var(--tint); padding: .9rem 1.1rem; border-radius: .4rem; margin: .5rem 0 1.25rem; }
  pre code { white-space: pre; }
.facts > div { display: grid; grid-template-columns: 9.5rem minmax(0, 1fr); gap: 1rem; padding: .4rem 0;
  border-bottom: 1px solid var(--grid); }
.facts dt, .terms dt { color: var(--soft); } .facts dd, .terms dd { margin: 0; }
.terms { margin-top: .5rem; font-size: .9375rem; } .terms dt { margin-top: .5rem; color: var(--ink);
  font-weight: 550; } .terms dd { max-width: 44rem; color: var(--soft); }
footer { margin-top: 5rem; padding-top: 1rem; border-top: 1px solid var(--grid); font-size: .875rem;
  color: var(--soft); }

@media (max-width: 52rem) { .duo { grid-template-columns: minmax(0, 1fr); } }
@media (max-width: 34rem) {
  .facts > div { grid-template-columns: minmax(0, 1fr); gap: 0; }
  .numbers { gap: .8rem 1.75rem; }
}
@media print {
  :root {
    color-scheme: light;
    --paper: #fff; --ink: #000; --soft: #444; --rule: #999; --grid: #ddd; --link: #000; --tint: #fff;
    --no-gc: #59636e; --gc: #0a62ad; --gc-update: #a94a00; --good: #000; --bad: #000; --warn: #b3261e;
      --mark: #fff; --mark-edge: #000; --shade: transparent;
  }
  @page { margin: 14mm 15mm; }
  html { font-size: 9.5pt; }
  body { max-width: none; padding: 0; }
  nav, .figure details, details:not([open], .printed) { display: none; }
  .printed::details-content { content-visibility: visible; block-size: auto; }
  header .marks { margin-bottom: 1rem; }
  section { margin-top: 2rem; }
  .grid { grid-template-columns: repeat(3, 1fr); gap: 1.2rem 1.4rem; margin-top: 1rem; }
  .duo { grid-template-columns: 2fr 3fr; gap: 1.5rem; }
  h2, summary, caption, thead { break-after: avoid; }
  .figure, tr, .facts > div, .numbers, .mark, .terms > div { break-inside: avoid; }
  summary { list-style: none; font-weight: 600; } summary::-webkit-details-marker { display: none; }
  .scroll { overflow: visible; background: none; }
  table { font-size: 7pt; } caption { white-space: normal; }
  th, td { white-space: normal; overflow-wrap: break-word; padding: .2rem .35rem; }
    th:first-child { min-width: 8em; } td.text { min-width: 7em; }
  td code, pre code { font-size: 6pt; white-space: pre-wrap; }
}
</style>`;
