// A thousand files, and some that are none, through all workers. 10 s.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { Workspace } from "../../fixtures/herd.ts";
import { granted } from "../../fixtures/permissions.ts";
import { png } from "../../fixtures/data_files.ts";

const FILES = 1000;
const COMPUTING = ["--backend", "simd", "--workers", "3"];

Deno.test({
  name: "a thousand files are answered in their order by three workers, and nothing is left behind",
  ignore: !await granted("run", "read", "write", "net", "env", "sys"),
  async fn() {
    await using workspace = await Workspace.create();
    const trained = await workspace.run(workspace.train("out", ...COMPUTING));
    assertEquals(trained.code, 0, trained.stderr);
    const folder = join(workspace.path, "many");
    const temporary = join(workspace.path, "tmp");
    await Deno.mkdir(join(folder, "deep", "er"), { recursive: true });
    await Deno.mkdir(temporary);
    const names = Array.from({ length: FILES }, (_, i) => join(i % 3 === 0 ? "deep/er" : "", `${1000 + i}.png`));
    for (const [i, name] of names.entries()) {
      // Every hundredth is cut short.
      const bytes = png(i, { width: 20 + i % 30, height: 30 });
      await Deno.writeFile(join(folder, name), i % 100 === 7 ? bytes.slice(0, 60) : bytes);
    }
    const args = ["predict", folder, "--run", join(workspace.path, "out"), "--json", ...COMPUTING];
    const child = workspace.spawn(args, { env: { TMPDIR: temporary } });
    const { code, stdout, stderr } = await child.output();
    const said = new TextDecoder().decode(stderr);
    assertEquals(code, 3, said);
    assertStringIncludes(said, `${FILES / 100} of ${FILES} files could not be used`);
    const isWhole = (_: string, i: number) => i % 100 !== 7;
    const wanted = names.filter(isWhole).map((name) => join(folder, name)).sort();
    const answers = new TextDecoder().decode(stdout).trimEnd().split("\n").map((line) => JSON.parse(line));
    assertEquals(answers.map(({ file }) => file).sort(), wanted);
    // Files of a folder in the order of their names: the digits come before "deep".
    assert(answers[0].file.endsWith("1001.png") && answers.at(-1).file.endsWith("1999.png"), answers[0].file);
    assertEquals([...Deno.readDirSync(temporary)].map(({ name }) => name), []);
  },
});
