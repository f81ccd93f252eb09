import { seededRandom as randomFrom } from '../../src/testing/random.ts';
import type { Span } from './load.ts';

/** Numbers in [0, 1). */
export type Random = () => number;

/** The same sequence for the same seed and stream; streams keep what one client draws apart from what the others do. */
export function seededRandom(seed: number, stream = 0): Random {
  return randomFrom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(stream + 1, 0x85ebca6b));
}

/** A whole number between the two, both included. */
export function drawFrom({ min, max }: Span, random: Random): number {
  return Math.floor(min + random() * (max - min + 1));
}
