// Stock TensorFlow.js in a process of its own, since Herd's engines on it replace its pooling. It is timed on Mesa's software adapter
// too, which leaves out a part of its first layers' gradients.
import { linesOf } from "../../shared/cli/lines.ts";
import { median } from "./support.ts";

/** A batch as large as a software adapter does in some seconds. */
const BATCH = 4;
const REPEATS = 3;

/** The process. */
export class StockTfjs implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#stdin = child.stdin.getWriter();
    this.#lines = linesOf(child.stdout)[Symbol.asyncIterator]();
  }

  /** Starts it, and has it do a step to warm up. */
  static async start(): Promise<StockTfjs> {
    const script = new URL("./stock_tfjs.ts", import.meta.url).href;
    const args = ["run", "-A", "-q", "--no-prompt", script, `${BATCH}`];
    // As its users have it, on an adapter that is told nothing.
    const { LP_NATIVE_VECTOR_WIDTH: _, MESA_SHADER_CACHE_DIR: __, ...env } = Deno.env.toObject();
    const command = new Deno.Command(Deno.execPath(), {
      args,
      env,
      clearEnv: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    });
    const stock = new StockTfjs(command.spawn());
    await stock.step();
    return stock;
  }

  /** A step; milliseconds an image. */
  async step(): Promise<number> {
    await this.#stdin.write(new TextEncoder().encode("\n"));
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("Stock TF.js has ended");
    return Number(value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stdin.close().catch(() => {});
    await this.#child.status;
  }
}

/** Milliseconds an image, the median of a few steps. */
export async function stockTfjs(): Promise<number> {
  await using stock = await StockTfjs.start();
  const times: number[] = [];
  for (let i = 0; i < REPEATS; i++) times.push(await stock.step());
  return median(times);
}
