import { assert, assertEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { threefry, toUnit } from "../../../shared/threefry.ts";
import { acquireDevice } from "../../../worker/webgpu/device.ts";
import { cutRows } from "../../../worker/webgpu/filter_gradient.ts";
import { HAS_WEBGPU, relativeError, sameBits } from "../../fixtures/engines.ts";

// Those on the device skip where there is no WebGPU adapter.
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

// One thread of TF.js' own kernel takes 88,804 turns for the first shape; Mesa's software adapter stops it after 65,535.
for (
  const [samples, size, channels, filters] of [[1, 300, 3, 4], [3, 11, 5, 6], [2, 16, 4, 8], [1, 3, 1, 1]] as const
) {
  Deno.test({
    name: `webgpu: the kernel's gradient is right for ${samples} × ${size}² × ${channels} to ${filters} filters`,
    ignore,
    async fn() {
      const out = size - 2;
      // All of one sign, as after a ReLU: whatever is left out shows.
      const x = random(samples * size * size * channels, 1).map(Math.abs);
      const dy = random(samples * out * out * filters, 2).map((value) => value > 0 ? value : 0);
      const expected = new Float64Array(9 * channels * filters);
      for (let i = 0; i < dy.length; i++) {
        const filter = i % filters;
        const column = Math.floor(i / filters) % out;
        const row = Math.floor(i / filters / out) % out;
        const sample = Math.floor(i / filters / out / out);
        for (let tap = 0; tap < 9; tap++) {
          const start = ((sample * size + row + Math.floor(tap / 3)) * size + column + tap % 3) * channels;
          for (let c = 0; c < channels; c++) {
            expected[(tap * channels + c) * filters + filter]! += dy[i]! * x[start + c]!;
          }
        }
      }
      const gradient = tf.grad((kernel: tf.Tensor) =>
        tf.conv2d(tf.tensor4d(x, [samples, size, size, channels]), kernel as tf.Tensor4D, 1, "valid")
      );
      const actual = await onDevice(() =>
        gradient(tf.zeros([3, 3, channels, filters]), tf.tensor4d(dy, [samples, out, out, filters]))
      );
      assertLess(relativeError(expected, actual), 1e-5);
    },
  });
}

for (const size of [6, 7]) {
  Deno.test({
    name: `webgpu: the pool's gradient goes to the first maximum of each window at size ${size}, with and without ties`,
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

Deno.test("cutRows() covers every row once, and keeps every thread's loops short", () => {
  for (const samples of [1, 8, 128]) {
    for (const [height, width] of [[1, 1], [12, 12], [298, 298], [3000, 3000]] as const) {
      for (const lanes of [1, 12, 1024]) {
        const { rows, perImage } = cutRows(samples, height, width, lanes);
        assert(rows >= 1 && rows * perImage >= height && rows * (perImage - 1) < height);
        assert(rows * width <= 16384, `${rows} rows of ${width}`);
      }
    }
  }
  assertEquals(cutRows(8, 33, 33, 1024), { rows: 16, perImage: 3 });
});
