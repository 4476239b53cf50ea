// How far submissions run ahead, on a clock that the test holds.
import { assertEquals } from "@std/assert";
import { Pace } from "../../../../worker/webgpu/pace.ts";

/** A device that takes `milliseconds` a leaf from its submission on, and counts what it is waited for. */
class FakeDevice implements Disposable {
  readonly pace: Pace;
  /** Leaves that each wait covered. */
  readonly waits: number[] = [];
  done = 0;
  #submitted = 0;
  #now = 0;
  milliseconds: number;
  readonly #clock = performance.now;

  constructor(milliseconds: number) {
    this.milliseconds = milliseconds;
    performance.now = () => this.#now;
    this.pace = new Pace(() => this.#wait(), () => this.done++);
  }

  async submit(leaves: number): Promise<void> {
    for (let i = 0; i < leaves; i++) {
      this.#submitted++;
      await this.pace.submitted();
    }
  }

  [Symbol.dispose](): void {
    performance.now = this.#clock;
  }

  #wait(): Promise<void> {
    this.waits.push(this.#submitted);
    this.#now += this.milliseconds * this.#submitted;
    this.#submitted = 0;
    return Promise.resolve();
  }
}

Deno.test("a slow device is waited for at every second leaf, so that each is soon told of", async () => {
  using device = new FakeDevice(260);
  await device.submit(6);
  assertEquals([device.waits, device.done], [[2, 2, 2], 6]);
});

Deno.test("a fast device is waited for as often as its leaves fill the time of a wait", async () => {
  using device = new FakeDevice(5);
  await device.submit(43);
  assertEquals([device.waits, device.done], [[2, 20, 20], 42]);
});

Deno.test("a device that slows down gets fewer leaves ahead again", async () => {
  using device = new FakeDevice(5);
  await device.submit(2);
  device.milliseconds = 260;
  await device.submit(20 + 2);
  assertEquals(device.waits, [2, 20, 2]);
});

Deno.test("results that were read tell of all leaves before them, and none twice", async () => {
  using device = new FakeDevice(260);
  await device.submit(3);
  assertEquals(device.done, 2);
  device.pace.finished();
  device.pace.finished();
  assertEquals(device.done, 3);
});
