// Machines with something wrong, and what the doctor says of them.
import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import type { Facts } from "../../../../worker/doctor/facts.ts";
import { describeFacts, describeFindings } from "../../../../worker/doctor/describe.ts";
import { findingsOf } from "../../../../worker/doctor/findings.ts";

const NOW = Date.UTC(2027, 0, 15);
const SIMD = { name: "simd", works: true, adapter: "CPU", software: true } as const;
const BROKEN = { name: "webgpu", works: false, reason: "no adapter", remedy: "apt-get install it" } as const;
const FOLDER = { path: "~/.cache/herd", exists: true, unwritable: null, freeBytes: 50e9 };

/** A machine that is well. */
const WELL: Facts = {
  versions: { herd: "0.1.0", deno: "2.9.6", v8: "15.0" },
  os: { name: "linux", arch: "x86_64", release: "6.1" },
  cpu: { model: "A processor", cores: 4 },
  memory: { totalBytes: 16e9, availableBytes: 12e9 },
  container: { cores: null, memoryBytes: null },
  engines: [BROKEN, SIMD],
  auto: "simd",
  adapter: null,
  bus: [],
  gpus: "none",
  cache: { ...FOLDER, bytes: 0 },
  runs: { ...FOLDER, path: "~/herd" },
  dataDir: null,
  loopback: null,
  clock: { wall: NOW, drift: 1, filesFrom: NOW - 1e9, timezone: "Europe/Berlin" },
  environment: { HOME: true, HERD_DATA_URL: false },
  late: [],
};

/** Kind, what is wrong as a pattern, and the command that mends it. */
type Expected = readonly ["problem" | "warning", RegExp, string];

const SICK: Readonly<Record<string, readonly [Partial<Facts>, Expected]>> = {
  "no engine": [{ engines: [BROKEN], auto: null }, [
    "problem",
    /No engine works \(webgpu: no adapter\)/,
    "apt-get install it",
  ]],
  "no engine was tried in time": [{ engines: [], auto: null }, ["problem", /none was tried/, "deno upgrade 2.9.6"]],
  "no loopback": [{ loopback: "EPERM" }, ["problem", /127\.0\.0\.1 \(EPERM\)/, "sudo ip link set lo up"]],
  "a data folder that is gone": [{ dataDir: { exists: false } }, ["problem", /HERD_DATA_DIR/, "unset HERD_DATA_DIR"]],
  "no home": [{ cache: null }, ["problem", /no home/, "export HERD_CACHE_DIR=/path/to/another/folder"]],
  "a cache that cannot be written": [{ cache: { ...FOLDER, bytes: 0, unwritable: "cannot be written" } }, [
    "problem",
    /~\/\.cache\/herd cannot be written/,
    "export HERD_CACHE_DIR=/path/to/another/folder",
  ]],
  "a full disk": [{ cache: { ...FOLDER, bytes: 0, freeBytes: 3e6 } }, [
    "problem",
    /3\.0 MB left; the default run needs 507\.\d MB/,
    "export HERD_CACHE_DIR=/path/to/another/folder",
  ]],
  "no room for the run": [{ runs: { ...FOLDER, freeBytes: 0 } }, [
    "problem",
    /0\.0 kB left; the default run needs 110\.0 MB/,
    "deno task train --out /path/to/another/folder",
  ]],
  "one core": [{ cpu: { model: "", cores: 1 } }, [
    "warning",
    /one core/,
    "deno task train --workers 1 --limit 64",
  ]],
  "a container with less time than cores": [{ container: { cores: 2.5, memoryBytes: null } }, [
    "warning",
    /4 cores, and this container has the time of 2\.5/,
    "deno task train --workers 2",
  ]],
  "a container with little memory": [{ container: { cores: null, memoryBytes: 1e9 } }, [
    "warning",
    /1\.0 GB of memory are not enough for 4 workers/,
    "deno task train --workers 2",
  ]],
  "hardly any memory": [{ memory: { totalBytes: 1e9, availableBytes: 1e8 } }, [
    "warning",
    /100\.0 MB/,
    "deno task train --workers 1",
  ]],
  "a clock at its beginning": [{ clock: { ...WELL.clock, wall: 0 } }, [
    "warning",
    /1970-01-01T00:00:00\.000Z, which is before/,
    "sudo timedatectl set-ntp true",
  ]],
  "a clock far ahead": [{ clock: { ...WELL.clock, wall: Date.UTC(2150, 1, 1) } }, [
    "warning",
    /2150/,
    "sudo timedatectl set-ntp true",
  ]],
  "a clock of no date": [{ clock: { ...WELL.clock, wall: 9e15 } }, [
    "warning",
    /no date/,
    "sudo timedatectl set-ntp true",
  ]],
  "a clock that is set back": [{ clock: { ...WELL.clock, drift: -4_000 } }, [
    "warning",
    /moved -4000 ms more/,
    "timedatectl timesync-status",
  ]],
  "a GPU without Vulkan": [{ bus: [{ address: "0000:41:00.0", driver: "nvidia" }] }, [
    "warning",
    /GPU at 0000:41:00\.0 \(nvidia\)/,
    "apt-get install -y mesa-vulkan-drivers libvulkan1",
  ]],
  "an old Deno": [{ versions: { ...WELL.versions, deno: "2.8.11" } }, ["warning", /2\.8\.11/, "deno upgrade 2.9.6"]],
  "a look that hung": [{ late: ["the GPUs"] }, ["warning", /look at the GPUs/, "deno task doctor #"]],
};

for (const [name, [changes, [kind, what, mend]]] of Object.entries(SICK)) {
  Deno.test(`doctor: ${name} is a ${kind}, and a line mends it`, () => {
    const [finding, ...others] = findingsOf({ ...WELL, ...changes });
    assertEquals([finding?.kind, others], [kind, []]);
    assertMatch(finding!.what, what);
    assert(finding!.mend.startsWith(mend), finding!.mend);
  });
}

Deno.test("doctor: nothing is wrong with a machine that is well, nor with a later Deno, a screen or a full cache", () => {
  const cache = { ...FOLDER, bytes: 600e6, freeBytes: 0 };
  const bus = [{ address: "0000:03:00.0", driver: "ast" }];
  for (const deno of ["2.9.6", "2.10.0", "3.0.0", "2.9.7-rc.1"]) {
    assertEquals(findingsOf({ ...WELL, cache, bus, versions: { ...WELL.versions, deno } }), []);
  }
  assertEquals(describeFindings([]), ["Nothing is wrong: `deno task train` can run."]);
});

Deno.test("doctor: problems come before warnings, each with its line below it, whatever else is wrong", () => {
  const some = fc.subarray(Object.values(SICK).map(([changes]) => changes));
  fc.assert(fc.property(some, (changes) => {
    const findings = findingsOf(Object.assign({}, WELL, ...changes) as Facts);
    assert(changes.length === 0 || findings.length > 0);
    const kinds = findings.map(({ kind }) => kind);
    assertEquals(kinds, kinds.toSorted());
    assert(findings.every(({ what, mend }) => what !== "" && mend !== ""));
    const lines = describeFindings(findings);
    if (findings.length > 0) assertEquals(lines.filter((line) => line.startsWith("  ")).length, findings.length);
  }));
});

Deno.test("doctor: what it has seen is told in lines, whatever is missing", () => {
  const lines = describeFacts({ ...WELL, cache: null, container: { cores: 1.5, memoryBytes: 2e9 } }).join("\n");
  assertMatch(lines, /auto +simd\n/);
  assertMatch(lines, /container +limits: the time of 1\.5 cores, 2\.0 GB of memory\n/);
  assertMatch(lines, /environment HOME$/);
  assertMatch(describeFacts({ ...WELL, auto: null, environment: {} }).join("\n"), /auto +none[^]*environment none$/);
});
