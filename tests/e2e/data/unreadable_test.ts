// Image files that are no images, and what they cost: real processes, whose memory is looked at, and which must end.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import * as bombs from "../../fixtures/bombs.ts";
import { type Outcome, Workspace } from "../../fixtures/herd.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("run", "read", "write", "net", "env"); // real processes
const onLinux = Deno.build.os === "linux"; // /proc tells what memory a process had, and there is mkfifo

/** Small files, and what is said of them. Most would take a gigabyte, or more. */
const BOMBS: Readonly<Record<string, [make: () => Uint8Array<ArrayBuffer>, says: string]>> = {
  "more-data.png": [bombs.pngOfTooMuchData, "gives more than the 310 bytes"],
  "less-data.png": [bombs.pngOfTooLittleData, "too short for the 147007000 bytes"],
  "bytes.png": [bombs.pngOfTooManyBytes, "which takes 2497 MB to decode, the limit is 1600 MB"],
  "pixels.png": [bombs.pngOfTooManyPixels, "its header says 10000×10000, the limit is 64 megapixels"],
  "headers.png": [bombs.pngOfTwoHeaders, "two chunks IHDR"],
  "profile.png": [bombs.pngWithProfile, "2×2"],
  "colours.png": [bombs.pngOfTooManyColours, "its palette has 30000000 bytes"],
  "pixels.jpg": [() => bombs.jpegThatSays(10_000, 10_000), "its header says 10000×10000, the limit is 64 megapixels"],
  "bytes.jpg": [() => bombs.jpegThatSays(8000, 8000), "which takes 3084 MB to decode, the limit is 1600 MB"],
  "less-data.jpg": [() => bombs.jpegThatSays(5000, 5000), "too short for the 5000×5000"],
  "frames.jpg": [bombs.jpegOfTwoFrames, "two frames"],
  "pixels.webp": [bombs.webpOfTooManyPixels, "its header says 16384×16384, the limit is 64 megapixels"],
  "canvas.webp": [bombs.webpLossyOfTooManyPixels, "its header says 16383×16383, the limit is 64 megapixels"],
  "profile.webp": [bombs.webpWithProfile, "6×4"],
};
/** Above what the process has before it decodes anything; the largest file has 30 MB. */
const MOST_BYTES = 130e6;

Deno.test({
  name: "small files that claim to be large, or are, take no memory",
  ignore: ignore || !onLinux,
  async fn() {
    await using workspace = await Workspace.create();
    for (const [name, [make]] of Object.entries(BOMBS)) await Deno.writeFile(join(workspace.path, name), make());
    const script = new URL("../../fixtures/decoder.ts", import.meta.url);
    const { stdout, code } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "-q", script.href, ...Object.keys(BOMBS).map((name) => join(workspace.path, name))],
      stderr: "inherit",
    }).output();
    assertEquals(code, 0);
    const lines = new TextDecoder().decode(stdout).trimEnd().split("\n").map((line) => JSON.parse(line));
    const [before, ...decoded] = lines as { path: string; found: string; peak: number }[];
    for (const [i, [name, [, says]]] of Object.entries(BOMBS).entries()) {
      const { found, peak } = decoded[i]!;
      assertStringIncludes(found, says, name);
      assert((peak - before!.peak) * 1024 < MOST_BYTES, `${name}: ${peak - before!.peak} kB more than before`);
    }
  },
});

/** Ends it after a while: a process that waits for ever is what is looked for. */
async function run(workspace: Workspace, ...args: string[]): Promise<Outcome> {
  const child = workspace.spawn(args);
  const timer = setTimeout(() => child.kill("SIGKILL"), 30_000);
  const { code, stdout, stderr } = await child.output();
  clearTimeout(timer);
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

Deno.test({
  name: "a pipe among the images is told, or left out: nobody waits for somebody to write to it",
  ignore: ignore || !onLinux,
  async fn() {
    await using workspace = await Workspace.create();
    const images = join(workspace.path, "images");
    const pipes = [join(images, "train", "dark", "pipe.png"), join(workspace.path, "pipe.zip")];
    const { success } = await new Deno.Command("mkfifo", { args: pipes }).output();
    assert(success, "mkfifo works");
    for (const [data, pipe] of [[images, pipes[0]!], [pipes[1]!, pipes[1]!]] as const) {
      const { code, stderr } = await run(workspace, "data", "--data", data, "--image-size", "24");
      assertEquals(code, 3, stderr);
      assertStringIncludes(stderr, `'${pipe}': it is not a regular file`);
    }
    const { code, stdout } = await run(workspace, "data", "--data", images, "--image-size", "24", "--skip-unreadable");
    assertEquals(code, 0);
    assertStringIncludes(stdout, `Left out as unreadable: 1 image (${pipes[0]})`);
    assertStringIncludes(stdout, "bright 15 + 5, dark 15 + 5");
  },
});

Deno.test({
  name:
    "train --skip-unreadable: it goes on without, the report says which, and --resume notices when another one breaks",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const image = (name: string) => join(workspace.path, "images", "train", name);
    await Deno.writeTextFile(image("bright/3.png"), "not an image <b>");
    const args = workspace.train("out", "--backend", "tfjs-cpu", "--workers", "1", "--arms", "gc");
    const refused = await workspace.run(args);
    assertEquals(refused.code, 3);
    assertStringIncludes(
      refused.stderr,
      "3.png' is neither a PNG, JPEG nor WebP image: replace or remove it, or leave",
    );
    const { code, stdout, stderr } = await workspace.run([...args, "--skip-unreadable"]);
    assertEquals(code, 0, stderr);
    const says = `Left out as unreadable: 1 image (${image("bright/3.png")}).`;
    assertEquals(stdout.split(says).length, 3, "at the beginning and at the end");
    const { dataset } = await workspace.report("out");
    assertEquals(dataset.skipped, { count: 1, files: [image("bright/3.png")] });
    assertStringIncludes(await Deno.readTextFile(join(workspace.path, "out", "report.html")), says);
    assertStringIncludes((await workspace.run(["report", join(workspace.path, "out")])).stdout, says);
    await Deno.writeTextFile(image("bright/4.png"), "not an image");
    const resume = ["train", "--resume", join(workspace.path, "out"), "--epochs", "2"];
    const resumed = await workspace.run(resume);
    assertEquals(resumed.code, 3, resumed.stdout);
    assertStringIncludes(resumed.stderr, "is another data set than before");
  },
});

Deno.test({
  name: "train: half of the cache inverted is noticed, and made anew before anything is trained on it",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const args = (out: string) => workspace.train(out, "--backend", "tfjs-cpu", "--workers", "1", "--arms", "gc");
    assertEquals((await workspace.run(args("first"))).code, 0);
    const packed = join(workspace.path, "cache", "packed");
    const [file] = [...Deno.readDirSync(packed)].map(({ name }) => join(packed, name));
    const bytes = await Deno.readFile(file!);
    await Deno.writeFile(file!, bytes.map((byte, i) => i < 1 << 15 || i % 2 === 0 ? byte : 255 - byte));
    const { code, stdout, stderr } = await workspace.run(args("second"));
    assertEquals(code, 0, stderr);
    assertStringIncludes(stdout, `Packing the data set again: The packed data set '${file}' is damaged`);
    assertEquals(await Deno.readFile(file!), bytes);
    const hashes = async (out: string) => (await workspace.report(out)).arms.map(({ weightsSha256 }) => weightsSha256);
    assertEquals(await hashes("second"), await hashes("first"));
  },
});
