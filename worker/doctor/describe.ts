// What the doctor has seen and found, in words.
import { formatBytes } from "../../shared/cli/format.ts";
import { ENGINE_NAMES } from "../../shared/engine_names.ts";
import type { TriedEngine } from "../trial.ts";
import { describeLimits } from "../webgpu/limits.ts";
import type { Facts, FolderFacts } from "./facts.ts";
import type { Finding } from "./findings.ts";

const WIDTH = Math.max(...ENGINE_NAMES.map(({ length }) => length));
const label = (text: string) => text.padEnd(WIDTH);

/** An engine in a line or two. */
export function describeEngine(
  { name, works, adapter, software, reason, remedy, sameBitsOverTiles }: TriedEngine,
): string[] {
  if (!works) return [`${label(name)} does not work: ${reason}`, `${label("")} to make it work: ${remedy}`];
  const lines = [`${label(name)} works: ${adapter}${name.endsWith("webgpu") && software ? " (no GPU)" : ""}`];
  if (sameBitsOverTiles !== undefined) {
    lines.push(`${label("")} same bits over tiles and forms of kernels: ${sameBitsOverTiles ? "yes" : "no"}`);
  }
  return lines;
}

/** All but the engines, in lines. */
export function describeFacts(facts: Facts): string[] {
  const { versions, os, cpu, memory, container, adapter, cache, runs, loopback, clock, environment } = facts;
  const limits = [
    ...container.cores === null ? [] : [`the time of ${container.cores} cores`],
    ...container.memoryBytes === null ? [] : [`${formatBytes(container.memoryBytes)} of memory`],
  ];
  const has = new Set(adapter?.features);
  const set = Object.entries(environment).flatMap(([name, isSet]) => isSet ? [name] : []);
  return [
    ...(adapter === null ? [] : describeLimits({ limits: adapter.limits, features: has })).map((line, i) =>
      `${label(i === 0 ? "adapter" : "")} ${line}`
    ),
    `${label("GPUs")} ${facts.gpus}`,
    `${label("auto")} ${facts.auto ?? "none"}`,
    `${label("versions")} herd ${versions.herd}, deno ${versions.deno}, v8 ${versions.v8}`,
    `${label("system")} ${os.name} ${os.arch}, ${os.release}`,
    `${label("processor")} ${cpu.model}, ${cpu.cores} core${cpu.cores === 1 ? "" : "s"}`,
    `${label("memory")} ${formatBytes(memory.availableBytes)} available of ${formatBytes(memory.totalBytes)}`,
    `${label("container")} ${limits.length === 0 ? "no limits" : `limits: ${limits.join(", ")}`}`,
    ...cache === null ? [] : [`${label("cache")} ${describeFolder(cache)}, ${formatBytes(cache.bytes)} in it`],
    `${label("runs")} ${describeFolder(runs)}`,
    `${label("loopback")} ${loopback === null ? "workers can connect" : loopback}`,
    `${label("clock")} ${new Date(clock.wall).toISOString()}, ${clock.timezone}, drift ${Math.round(clock.drift)} ms`,
    `${label("environment")} ${set.length === 0 ? "none" : set.join(", ")}`,
  ];
}

/** What is wrong, each with the line that mends it. */
export function describeFindings(findings: readonly Finding[]): string[] {
  if (findings.length === 0) return ["Nothing is wrong: `deno task train` can run."];
  return findings.flatMap((
    { kind, what, mend },
  ) => [`${kind === "problem" ? "PROBLEM" : "Warning"}: ${what}`, `  ${mend}`]);
}

function describeFolder({ path, exists, unwritable, freeBytes }: FolderFacts): string {
  const free = freeBytes === null ? "" : `, ${formatBytes(freeBytes)} free on its disk`;
  return `${path}${exists ? "" : " (not there yet)"}, ${unwritable ?? "can be written"}${free}`;
}
