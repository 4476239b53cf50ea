// Which GPUs can be given to a worker each: what Mesa's layer says of three, as it was seen with Mesa 25.0 and 22.3.
import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { join } from "node:path";
import { HerdError } from "../../../shared/errors.ts";
import { describeGpus } from "../../../worker/gpus/describe.ts";
import { type Ask, findGpus } from "../../../worker/gpus/find.ts";
import { localWorkers } from "../../../worker/gpus/local_workers.ts";
import { pciGpus } from "../../../worker/gpus/pci.ts";
import { bestGpus, parseDevices, primeTag, wasSelected } from "../../../worker/gpus/vulkan_list.ts";
import { describeLimits } from "../../../worker/webgpu/limits.ts";
import { temporaryDirectory } from "../../fixtures/data_files.ts";
import { granted } from "../../fixtures/permissions.ts";

const LIST = `error: XDG_RUNTIME_DIR is invalid or not set in the environment.
selectable devices:
  GPU 0: 10de:2330 "NVIDIA H100 "PCIe"" discrete GPU 0000:41:00.0
  GPU 1: 10de:2330 "NVIDIA H100 "PCIe"" discrete GPU 0000:61:00.0
  GPU 2: 8086:9a49 "Intel(R) Xe Graphics" integrated GPU 0000:00:02.0
  GPU 3: 10005:0 "llvmpipe (LLVM 19.1.7, 256 bits)" CPU 0000:00:00.0
`;
const TAGS = ["pci-0000_41_00_0", "pci-0000_61_00_0"];
const says = (by: string, index: number) => `${LIST}device-select: ${by} selected ${index}\n`.repeat(2);
const BY_TAG = "device_select_find_dri_prime_tag_default";

/** Mesa 25: it says which device the tag has put first. */
const mesa25: Ask = ({ MESA_VK_DEVICE_SELECT, DRI_PRIME, DRI_PRIME_DEBUG }) => {
  if (MESA_VK_DEVICE_SELECT === "list") return Promise.resolve(LIST);
  const index = TAGS.indexOf(DRI_PRIME!);
  const by = index < 0 ? "device_select_find_non_cpu" : BY_TAG;
  return Promise.resolve(DRI_PRIME_DEBUG === "1" ? says(by, Math.max(0, index)) : "");
};
/** Mesa 22: it lists, and takes the tag for something else without a word. */
const mesa22: Ask = ({ MESA_VK_DEVICE_SELECT }) => Promise.resolve(MESA_VK_DEVICE_SELECT === "list" ? LIST : "");
const withoutLayer: Ask = () => Promise.resolve("");

Deno.test("gpus: what the layer lists is read, and a text without a list is no device", () => {
  const devices = parseDevices(LIST + LIST);
  assertEquals(devices.map(({ index, model, type }) => [index, model, type]), [
    [0, "10de:2330", "discrete GPU"],
    [1, "10de:2330", "discrete GPU"],
    [2, "8086:9a49", "integrated GPU"],
    [3, "10005:0", "CPU"],
  ]);
  assertEquals(devices[1]!.name, 'NVIDIA H100 "PCIe"');
  assertEquals(devices.slice(0, 2).map(primeTag), TAGS);
  // A driver that does not tell the address.
  assertEquals(parseDevices('  GPU 0: 10de:2330 "H100" discrete GPU').map(primeTag), [undefined]);
  assertEquals(parseDevices("error: no GPU"), []);
});

Deno.test("gpus: those count that Deno can be brought to use: of the best kind that there is, and no CPU", () => {
  const indexes = (text: string) => bestGpus(parseDevices(text)).map(({ index }) => index);
  assertEquals(indexes(LIST), [0, 1]);
  // A second driver for the second one.
  const twice = '  GPU 3: 10de:2330 "NVIDIA H100 (NVK)" discrete GPU 0000:61:00.0\n';
  assertEquals(indexes(LIST.replace("GPU 3", "GPU 4") + twice), [0, 3]);
  assertEquals(indexes(LIST.replaceAll("discrete", "virtual")), [2]);
  assertEquals(indexes(LIST.split("\n").filter((line) => !/(discrete|integrated) GPU/.test(line)).join("\n")), []);
});

Deno.test("gpus: a device was selected only if each enumeration says that its tag did it", () => {
  const [first, second] = parseDevices(LIST);
  assert(wasSelected(says(BY_TAG, 1), second!));
  assert(!wasSelected(says(BY_TAG, 1), first!));
  assert(!wasSelected(says("device_select_find_non_cpu", 0), first!));
  assert(!wasSelected(says(BY_TAG, 1) + says(BY_TAG, 0), second!));
  assert(!wasSelected(LIST, first!));
});

Deno.test("gpus: they can be told apart where the layer proves it, and nowhere else", async () => {
  assertEquals(await findGpus("", mesa25), { count: 2, tags: TAGS });
  assertEquals(await findGpus("", mesa22), { count: 2, tags: [] });
  assertEquals(await findGpus("", withoutLayer), { count: 1, tags: [] });
  // One that always takes the first, whatever it is told.
  const first: Ask = async ({ DRI_PRIME, ...others }) =>
    await mesa25(DRI_PRIME ? { DRI_PRIME: TAGS[0]!, ...others } : others);
  assertEquals(await findGpus("", first), { count: 2, tags: [] });
  // The user's own choice.
  assertEquals(await findGpus("1", mesa25), { count: 1, tags: ["1"] });
});

Deno.test("gpus: --workers counts GPUs for an engine on a GPU, and cores for one on the CPU", async () => {
  const gpu = { name: "webgpu", software: false } as const;
  const two = () => Promise.resolve({ count: 2, tags: TAGS });
  const unseen = () => Promise.reject(new Error("GPUs are not looked for"));
  assertEquals(await localWorkers(gpu, undefined, two), { count: 2, gpus: TAGS });
  assertEquals(await localWorkers(gpu, 1, two), { count: 1, gpus: TAGS.slice(0, 1) });
  assertEquals(await localWorkers({ ...gpu, software: true }, undefined, unseen), { count: 1, gpus: [] });
  assertEquals(await localWorkers({ ...gpu, software: true }, 5, unseen), { count: 5, gpus: [] });
  const simd = { name: "simd", software: true } as const;
  assertEquals(await localWorkers(simd, undefined, unseen), { count: navigator.hardwareConcurrency, gpus: [] });
  assertEquals(await localWorkers(simd, 0, unseen), { count: 0, gpus: [] });
});

Deno.test("gpus: more workers than GPUs that can be told apart are refused, with what to do instead", async () => {
  const refused = async (workers: number, ask: Ask) => {
    const run = () => localWorkers({ name: "webgpu", software: false }, workers, () => findGpus("", ask));
    const { code, message } = await assertRejects(run, HerdError, `--workers ${workers}: a worker takes a GPU`);
    assertEquals(code, "usage");
    assert(message.includes("start `deno task worker` once for each GPU, in a container, Slurm task"), message);
    return message;
  };
  assert((await refused(3, mesa25)).includes("can give out 2 GPUs here. Use --workers 2, or start"));
  assert((await refused(2, mesa22)).includes("can give out 1 of 2 GPUs here. Use --workers 1, or have Mesa's"));
  assert((await refused(2, withoutLayer)).includes("can give out 1 GPU here. Use --workers 1, or have Mesa's"));
});

Deno.test("gpus: no two workers ever get the same GPU", async () => {
  const wanted = fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined });
  const tags = fc.uniqueArray(fc.nat(31).map((bus) => `pci-0000_${bus.toString(16).padStart(2, "0")}_00_0`), {
    minLength: 2,
  });
  await fc.assert(fc.asyncProperty(wanted, tags, async (workers, tags) => {
    const find = () => Promise.resolve({ count: tags.length, tags });
    const run = localWorkers({ name: "webgpu", software: false }, workers, find);
    if (workers !== undefined && workers > tags.length) return void await assertRejects(() => run, HerdError);
    const { count, gpus } = await run;
    assertEquals([new Set(gpus).size, gpus.length], [count, count]);
  }));
});

Deno.test("gpus: display controllers are found on the PCI bus, with their drivers", {
  ignore: !await granted("read", "write"),
}, async () => {
  using folder = temporaryDirectory();
  const device = (address: string, kind: string, driver?: string) => {
    const place = join(folder.path, address);
    Deno.mkdirSync(place);
    Deno.writeTextFileSync(join(place, "class"), `${kind}\n`);
    if (driver !== undefined) Deno.symlinkSync(`../../../bus/pci/drivers/${driver}`, join(place, "driver"));
  };
  device("0000:61:00.0", "0x030200", "nvidia");
  device("0000:03:00.0", "0x030000", "ast");
  device("0000:41:00.0", "0x030200");
  device("0000:00:1f.0", "0x060100", "lpc_ich");
  device("0000:01:00.0", "0x010802", "nvme");
  const gpus = await pciGpus(folder.path);
  assertEquals(gpus, [
    { address: "0000:03:00.0", driver: "ast" },
    { address: "0000:41:00.0", driver: undefined },
    { address: "0000:61:00.0", driver: "nvidia" },
  ]);
  assertEquals(await pciGpus(join(folder.path, "nothing")), []);
  const bus = "3 on the PCI bus (0000:03:00.0 ast, 0000:41:00.0 without a driver, 0000:61:00.0 nvidia)";
  assertEquals(describeGpus(gpus, { count: 2, tags: TAGS }), `${bus}; 2 workers can have one each`);
  const first = "; WebGPU gives the first of 2, which cannot be told apart";
  assertEquals(describeGpus(gpus, { count: 2, tags: [] }), bus + first);
  assertEquals(describeGpus([], { count: 1, tags: [] }), "none on the PCI bus; WebGPU gives the first");
});

Deno.test("doctor: an adapter's limits in words", () => {
  const limits = {
    maxBufferSize: 2 ** 31 - 1,
    maxStorageBufferBindingSize: 2 ** 27,
    maxUniformBufferBindingSize: 65536,
    maxComputeWorkgroupStorageSize: 49152,
    maxComputeInvocationsPerWorkgroup: 1024,
  };
  assertEquals(describeLimits({ limits, features: new Set(["shader-f16", "subgroups"]) }), [
    "buffers     2 GiB; a storage binding 128 MiB, a uniform one 64 KiB",
    "workgroups  1024 invocations, 48 KiB of memory",
    "features    shader-f16 yes, timestamp-query no, subgroups yes",
  ]);
});
