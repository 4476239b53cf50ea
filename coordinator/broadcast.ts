// An arm's weights on their way to the workers: compressed for training steps, exact for the test, so that the test's figures
// are those of the weights that are kept; never twice the same.
import type { Compression } from "../shared/half.ts";
import { compensate } from "./error_feedback.ts";
import type { ArmState, Computer } from "./train.ts";

/** Sends the weights of an arm's state to the computer. */
export class Broadcast {
  readonly #computer: Computer;
  readonly #compress: Compression;
  readonly #state: ArmState;
  /** How the computer has got the weights as they are now; undefined if not yet. */
  #there: Compression | undefined;
  /** The state's residual once the next step is done. */
  #residual: Float32Array | undefined;

  constructor(computer: Computer, compress: Compression, state: ArmState) {
    this.#computer = computer;
    this.#compress = compress;
    this.#state = state;
  }

  /** The next work is a training step. */
  async forStep(): Promise<void> {
    if (this.#compress === "none") return await this.forTest();
    if (this.#there === this.#compress) return;
    const { weights, residual } = this.#state;
    const { sent, residual: next } = compensate(weights, residual!, this.#compress); // compressed, so there is one
    this.#residual = next;
    await this.#computer.setWeights(sent, this.#compress);
    this.#there = this.#compress;
  }

  /** The next work is a test. */
  async forTest(): Promise<void> {
    if (this.#there === "none") return;
    await this.#computer.setWeights(this.#state.weights, "none");
    this.#there = "none";
  }

  /**
   * A step has changed the weights. The state keeps the residual from before they are sent: whoever goes on from it rounds them to
   * the same bits again.
   */
  stepDone(): void {
    if (this.#residual !== undefined) this.#state.residual = this.#residual;
    this.#there = undefined;
  }
}
