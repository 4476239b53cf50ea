// The doctor's looks at control groups, folders and engines that hang.
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { containerLimits } from "../../../../worker/doctor/container.ts";
import { bytesBelow, lookAtFolder } from "../../../../worker/doctor/folder.ts";
import { tryInThread } from "../../../../worker/doctor/trial.ts";
import { temporaryDirectory, WITHOUT_FILES } from "../../../fixtures/data_files.ts";
import { granted } from "../../../fixtures/permissions.ts";

const limitsOf = (files: Readonly<Record<string, string>>) => containerLimits((path) => Promise.resolve(files[path]));

Deno.test("doctor: the narrowest limit counts, of control groups in both versions, and none where there is none", async () => {
  const root = "/sys/fs/cgroup";
  assertEquals(
    await limitsOf({
      "/proc/self/cgroup": "0::/pod/box\n",
      [`${root}/pod/box/cpu.max`]: "max 100000\n",
      [`${root}/pod/cpu.max`]: "150000 100000\n",
      [`${root}/pod/box/memory.max`]: "4000000000\n",
      [`${root}/pod/memory.max`]: "max\n",
    }),
    { cores: 1.5, memoryBytes: 4e9 },
  );
  assertEquals(
    await limitsOf({
      "/proc/self/cgroup": "5:cpu,cpuacct:/box\n4:memory:/box\n0::/\n",
      [`${root}/cpu/box/cpu.cfs_quota_us`]: "50000\n",
      [`${root}/cpu/box/cpu.cfs_period_us`]: "100000\n",
      [`${root}/memory/box/memory.limit_in_bytes`]: "9223372036854771712\n",
      [`${root}/memory/memory.limit_in_bytes`]: "1000000\n",
    }),
    { cores: 0.5, memoryBytes: 1e6 },
  );
  const none = { cores: null, memoryBytes: null };
  assertEquals(await limitsOf({}), none);
  assertEquals(
    await limitsOf({ "/proc/self/cgroup": "nonsense\n5:cpu:/\n", [`${root}/cpu/cpu.cfs_quota_us`]: "-1" }),
    none,
  );
});

Deno.test({
  name: "doctor: a folder is looked at without being touched; where it is not there yet, its nearest parent is",
  ignore: WITHOUT_FILES || !await granted("sys"),
  async fn() {
    using home = temporaryDirectory();
    Deno.mkdirSync(join(home.path, "cache/packed"), { recursive: true });
    Deno.writeFileSync(join(home.path, "cache/packed/a"), new Uint8Array(7));
    Deno.writeFileSync(join(home.path, "cache/b"), new Uint8Array(5));
    const look = (name: string) => lookAtFolder(join(home.path, name), home.path);
    const cache = await look("cache");
    assertEquals([cache.path, cache.exists, cache.unwritable], ["~/cache", true, null]);
    assert(cache.freeBytes! > 0);
    const later = await look("not/there/yet");
    assertEquals([later.exists, later.unwritable], [false, null]);
    assertEquals((await look("cache/b")).unwritable, "is not a folder");
    assertEquals((await look("cache/b/below")).unwritable, "is not a folder");
    assertEquals((await lookAtFolder(`${home.path}2`, home.path)).path, `${home.path}2`);
    assertEquals(await bytesBelow(home.path), 12);
    assertEquals(await bytesBelow(join(home.path, "nothing")), 0);
    assertEquals([...Deno.readDirSync(home.path)].map(({ name }) => name), ["cache"]);
  },
});

/** A thread that runs this. */
const threadOf = (code: string) => new URL(`data:text/javascript,${encodeURIComponent(code)}`);
const WORKING = 'postMessage({ type: "engine", engine: { name: "simd", works: true } });';

Deno.test("doctor: of engines that hang or bring their thread down, what was known before stays", async () => {
  for (
    const end of ["for (;;);", "throw new Error('driver');", "await new Promise(() => setTimeout(() => {}, 1e6));"]
  ) {
    const heard: string[] = [];
    const { engines, isWhole } = await tryInThread(500, {
      entry: threadOf(WORKING + end),
      onEngine: ({ name }) => void heard.push(name),
    });
    assertEquals([engines.map(({ name }) => name), heard, isWhole], [["simd"], ["simd"], false]);
  }
  const { isWhole } = await tryInThread(60_000, {
    entry: threadOf(`${WORKING}postMessage({ type: "done" });`),
    onEngine() {},
  });
  assertEquals(isWhole, true);
});
