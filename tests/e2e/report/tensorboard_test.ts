// What TensorBoard itself makes of the event files. Needs a Python that has it: `pip install tensorboard`, and HERD_PYTHON where it is
// not `python3`.
import { assertEquals } from "@std/assert";
import { leaveEventFiles } from "../../fixtures/event_files.ts";
import { granted } from "../../fixtures/permissions.ts";

const READER = new URL("../../fixtures/read_events.py", import.meta.url);

async function python(...args: string[]): Promise<Deno.CommandOutput> {
  const program = Deno.env.get("HERD_PYTHON") ?? "python3";
  return await new Deno.Command(program, { args, stdout: "piped", stderr: "piped" }).output();
}

async function hasTensorboard(): Promise<boolean> {
  if (!await granted("run", "read", "write", "env")) return false;
  try {
    return (await python("-c", "import tensorboard")).success;
  } catch {
    return false; // there is no Python at all
  }
}

Deno.test({
  name:
    "TensorBoard reads every step of a resumed run once, and lists its trainings under HPARAMS (needs it in HERD_PYTHON)",
  ignore: !await hasTensorboard(),
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      await leaveEventFiles(folder);
      const { success, stdout, stderr } = await python(READER.pathname, folder);
      assertEquals(success, true, new TextDecoder().decode(stderr));
      const { scalars, ...hparams } = JSON.parse(new TextDecoder().decode(stdout));
      const steps = (tag: string) => scalars["gc-0"][tag].map(([step]: [number]) => step);
      assertEquals(steps("step/loss"), Array.from({ length: 16 }, (_, i) => i + 1));
      assertEquals(scalars["gc-0"]["test/loss"], [[8, Math.fround(0.6)], [16, 0.25]]);
      assertEquals(steps("test/auc"), [8]);
      assertEquals(hparams.hparams, ["arm", "batch_size", "learning_rate", "model", "optimizer", "role", "seed"]);
      const { "gc-0": gc, "no-gc-0-1e+30": lost, ...others } = hparams.trainings;
      assertEquals(others, {});
      const facts = { batch_size: 8, model: "tiny", optimizer: "rmsprop", role: "compared", seed: 0 };
      assertEquals(gc.hparams, { ...facts, arm: "gc", learning_rate: 1e-4 });
      assertEquals(lost.hparams, { ...facts, arm: "no-gc", learning_rate: 1e30 });
      assertEquals([gc.status, lost.status], ["STATUS_SUCCESS", "STATUS_FAILURE"]);
      assertEquals(gc.metrics["test/loss"], 0.25);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
