import { assert } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { threefry, toUnit } from "../../../shared/threefry.ts";
import { acquireDevice } from "../../../worker/tfjs/webgpu_device.ts";
import { HAS_WEBGPU, sameBits } from "../../fixtures/engines.ts";

// These skip where there is no WebGPU adapter.
const ignore = !HAS_WEBGPU;

function random(length: number, stream: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => 2 * toUnit(threefry(5, stream, 0, i)[0]) - 1);
}

async function onDevice(compute: () => tf.Tensor): Promise<Float32Array> {
  const device = await acquireDevice();
  try {
    return await device.run(async () => {
      const tensor = tf.tidy(compute);
      const values = await tensor.data<"float32">();
      tensor.dispose();
      return values.slice();
    });
  } finally {
    await device.release();
  }
}

for (const size of [6, 7]) {
  Deno.test({
    name:
      `tfjs-webgpu: the pool's gradient goes to the first maximum of each window at size ${size}, with and without ties`,
    ignore,
    async fn() {
      const [samples, channels] = [2, 3];
      const out = size >> 1;
      // Three values alone, so that most windows tie.
      const x = random(samples * size * size * channels, 3).map((value) => Math.round(value));
      const dy = random(samples * out * out * channels, 4);
      const expected = new Float32Array(x.length);
      for (let i = 0; i < dy.length; i++) {
        const channel = i % channels;
        const column = Math.floor(i / channels) % out;
        const row = Math.floor(i / channels / out) % out;
        const sample = Math.floor(i / channels / out / out);
        const window = [0, 1, 2, 3].map((k) =>
          ((sample * size + 2 * row + (k >> 1)) * size + 2 * column + (k & 1)) * channels + channel
        );
        const greatest = Math.max(...window.map((at) => x[at]!));
        expected[window.find((at) => x[at] === greatest)!] = dy[i]!;
      }
      const gradient = tf.grad((input: tf.Tensor) => tf.maxPool(input as tf.Tensor4D, 2, 2, "valid"));
      const actual = await onDevice(() =>
        gradient(tf.tensor4d(x, [samples, size, size, channels]), tf.tensor4d(dy, [samples, out, out, channels]))
      );
      assert(sameBits(expected, actual));
    },
  });
}
