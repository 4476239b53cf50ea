// The fixed binary tree over a step's leaves along which gradients are summed. Its shape depends on the number of leaves
// alone: the left child of a node holds the largest power of two below the node's leaf count. So node (level, index) covers
// leaves [index·2^level, (index+1)·2^level), cut at the end, and its parent is (level+1, index >> 1).

/** A node, named by its canonical position: the lowest level at which it covers its leaves. */
export interface NodeId {
  /** 0 for a leaf. */
  readonly level: number;
  /** From the left, among all nodes of the level. */
  readonly index: number;
}

/** Leaves [start, end). */
export interface Range {
  /** The first leaf. */
  readonly start: number;
  /** The leaf behind the last. */
  readonly end: number;
}

/** The leaves under a node of the tree over `leaves` leaves. */
export function nodeRange(leaves: number, { level, index }: NodeId): Range {
  const start = index * 2 ** level;
  return { start, end: Math.min(start + 2 ** level, leaves) };
}

/** The root of the tree over `leaves` ≥ 1 leaves. */
export function rootOf(leaves: number): NodeId {
  let level = 0;
  while (2 ** level < leaves) level++;
  return { level, index: 0 };
}

/** The node itself, or where it has only a left child, the descendant that covers the same leaves. */
export function canonical(leaves: number, node: NodeId): NodeId {
  const { start, end } = nodeRange(leaves, node);
  let level = 0;
  while (2 ** level < end - start) level++;
  return { level, index: start / 2 ** level };
}

/** The two children of a node, canonical; undefined for a leaf. */
export function childrenOf(leaves: number, node: NodeId): readonly [NodeId, NodeId] | undefined {
  const { level, index } = canonical(leaves, node);
  if (level === 0) return undefined;
  return [
    canonical(leaves, { level: level - 1, index: 2 * index }),
    canonical(leaves, { level: level - 1, index: 2 * index + 1 }),
  ];
}

/** The parent of a canonical node, canonical; undefined for the root. */
export function parentOf(leaves: number, node: NodeId): NodeId | undefined {
  const { start, end } = nodeRange(leaves, node);
  for (let { level, index } = node; 2 ** level < leaves;) {
    level++;
    index >>= 1;
    const parent = nodeRange(leaves, { level, index });
    if (parent.start !== start || parent.end !== end) return { level, index };
  }
  return undefined;
}

/** The maximal subtrees inside a range, left to right: their partial sums are all that a worker has to send. */
export function subtreesIn(leaves: number, { start, end }: Range): NodeId[] {
  const found: NodeId[] = [];
  for (let leaf = start; leaf < end;) {
    const level = subtreeLevel(leaves, leaf, end);
    found.push(canonical(leaves, { level, index: leaf / 2 ** level }));
    leaf += 2 ** level;
  }
  return found;
}

/** How many they are. */
export function subtreeCount(leaves: number, start: number, end: number): number {
  if (end <= start) return 0;
  if (end < leaves) {
    // Up to the place that most powers of two divide subtrees grow, and shrink from there on: one for each bit that is set.
    const most = 31 - Math.clz32(start ^ end);
    const middle = end >>> most << most;
    return bitsIn(middle - start) + bitsIn(end - middle);
  }
  let count = 0;
  for (let leaf = start; leaf < end; leaf += 2 ** subtreeLevel(leaves, leaf, end)) count++;
  return count;
}

/** How many bits of a whole number below 2^31 are set. */
function bitsIn(value: number): number {
  const pairs = value - (value >>> 1 & 0x55555555);
  const fours = (pairs & 0x33333333) + (pairs >>> 2 & 0x33333333);
  return Math.imul(fours + (fours >>> 4) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** The highest level at which a node begins with a leaf and ends at `end` or before. */
function subtreeLevel(leaves: number, leaf: number, end: number): number {
  let level = 0;
  // A node that reaches beyond the tree ends where the tree does.
  for (let size = 2; leaf % size === 0 && Math.min(leaf + size, leaves) <= end && size < 2 * leaves; size *= 2) level++;
  return level;
}

/** A node as a map key. */
export function nodeKey({ level, index }: NodeId): string {
  return `${level}:${index}`;
}

/** Elementwise float32 sum left + right, written into left: the only addition of the all-reduce. */
export function addInto(left: Float32Array, right: Float32Array): void {
  // The length is asked for once: in every turn it made this four times as long in a process that releases buffers.
  for (let i = 0, { length } = left; i < length; i++) left[i] = left[i]! + right[i]!;
}
