import { assert, assertEquals, assertRejects } from "@std/assert";
import { type AnswerOptions, answersTo, type LoadedFile } from "../../../coordinator/inference/answers.ts";
import { HerdError } from "../../../shared/errors.ts";

/** A disk, a cluster and a person: a file's pixel is its number, and so is its logit. */
class World {
  readonly slots: number[];
  readonly unusable: string[] = [];
  readonly batches: number[] = [];
  loading = 0;
  #evaluating = new Set<number>();
  readonly options: AnswerOptions;

  constructor(most: number, isBad: (name: string) => boolean, signal = new AbortController().signal) {
    this.slots = new Array(2 * most).fill(-1);
    this.options = {
      most,
      load: (files) => this.#load(files, isBad),
      write: (slot, [value]) => {
        assert(slot >= 0 && slot < this.slots.length && !this.#evaluating.has(slot), `slot ${slot} is in use`);
        this.slots[slot] = value!;
      },
      evaluate: async (slots) => {
        this.batches.push(slots.length);
        this.#evaluating = new Set(slots);
        await new Promise((resolve) => setTimeout(resolve));
        const logits = Float32Array.from(slots, (slot) => this.slots[slot]!);
        this.#evaluating.clear();
        return { losses: new Float32Array(slots.length), logits };
      },
      onUnusable: ({ message }) => void this.unusable.push(message),
      signal,
    };
  }

  async *#load(files: readonly string[], isBad: (name: string) => boolean): AsyncGenerator<LoadedFile> {
    for (const name of files) {
      this.loading++;
      await Promise.resolve();
      yield isBad(name)
        ? { name, error: new HerdError("data", name) }
        : { name, image: { pixels: Uint8Array.of(Number(name)) } };
    }
  }
}

Deno.test("an answer that is not finite ends it with the name of its file, after those before it", async () => {
  for (const value of [NaN, Infinity, -Infinity]) {
    const { options } = new World(2, () => false);
    const evaluate = async (slots: readonly number[]) => {
      const answer = await options.evaluate(slots);
      return { ...answer, logits: answer.logits.map((logit) => logit === 3 ? value : logit) };
    };
    const answers: string[] = [];
    const error = await assertRejects(async () => {
      for await (const { file } of answersTo(names(9), { ...options, evaluate })) answers.push(file);
    }, HerdError);
    assertEquals([error.code, answers], ["divergence", ["0", "1", "2"]]);
    assert(error.message.includes("'3'"), error.message);
  }
});

async function* names(count: number): AsyncGenerator<string> {
  for (let i = 0; i < count; i++) yield `${i}`;
}

Deno.test("every file that can be read is answered, in order, whatever the size of a batch; the others are named", async () => {
  for (const [count, most] of [[0, 4], [1, 4], [4, 4], [9, 4], [40, 3], [7, 1]] as const) {
    const isBad = (name: string) => Number(name) % 5 === 3;
    const world = new World(most, isBad);
    const answers = await Array.fromAsync(answersTo(names(count), world.options));
    const all = Array.from({ length: count }, (_, i) => `${i}`);
    assertEquals(answers.map(({ file }) => file), all.filter((name) => !isBad(name)));
    for (const { file, logits } of answers) assertEquals([...logits], [Number(file)]);
    assertEquals(world.unusable, all.filter(isBad));
    assert(world.batches.every((size) => size <= most));
  }
});

Deno.test("no more than two batches are ahead of whoever takes the answers", async () => {
  const world = new World(4, () => false);
  const answers = answersTo(names(1000), world.options);
  await answers.next();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert(world.loading <= 8, `${world.loading} files were loaded`);
  await answers.return(undefined);
});

Deno.test("a wait for names that never come ends when it is aborted", async () => {
  const controller = new AbortController();
  const world = new World(4, () => false, controller.signal);
  const forever = async function* () {
    yield "1";
    await new Promise(() => {});
  };
  const rejected = assertRejects(() => Array.fromAsync(answersTo(forever(), world.options)), Error, "enough");
  controller.abort(new Error("enough"));
  await rejected;
});
