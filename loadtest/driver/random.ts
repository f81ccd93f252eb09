import type { Span } from './load.ts';

/** Numbers in [0, 1). */
export type Random = () => number;

/** The same sequence for the same seed and stream (mulberry32); streams keep what one client draws apart from what the others do. */
export function seededRandom(seed: number, stream = 0): Random {
  let state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(stream + 1, 0x85ebca6b)) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A whole number between the two, both included. */
export function drawFrom({ min, max }: Span, random: Random): number {
  return Math.floor(min + random() * (max - min + 1));
}
