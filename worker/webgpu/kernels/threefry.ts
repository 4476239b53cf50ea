// Threefry-2x32 with 20 rounds in WGSL: the integers of shared/threefry.ts. Unsigned arithmetic wraps on every device.
import { range } from "./dispatch.ts";

const ROTATIONS = [[13, 15, 26, 6], [17, 29, 16, 24]] as const;

/** fn threefry(key: vec2<u32>, counter: vec2<u32>) -> vec2<u32> */
export const THREEFRY = `fn threefry(key: vec2<u32>, counter: vec2<u32>) -> vec2<u32> {
  let k = array(key.x, key.y, 0x1bd11bdau ^ key.x ^ key.y);
  var x = counter.x + key.x;
  var y = counter.y + key.y;
${range(5).map(injection).join("\n")}
  return vec2(x, y);
}`;

function injection(i: number): string {
  const rounds = ROTATIONS[i % 2]!.map((bits) => `  x += y; y = ((y << ${bits}u) | (y >> ${32 - bits}u)) ^ x;`);
  return [...rounds, `  x += k[${(i + 1) % 3}]; y += k[${(i + 2) % 3}] + ${i + 1}u;`].join("\n");
}
