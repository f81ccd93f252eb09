import type { Violations } from './figures.ts';

/** The first few are told in words. */
const maxExamples = 20;

/** Counts what the servers did that they must not do. */
export class ViolationLog {
  readonly examples: string[] = [];
  readonly #counts = { wrongReply: 0, hole: 0, repeat: 0, piecesDiffer: 0, disorder: 0, historyDiffers: 0 };

  /** How much of it: bytes, of holes and repeats. */
  count(violation: keyof Violations, example: string, howMuch = 1): void {
    this.#counts[violation] += howMuch;
    if (this.examples.length < maxExamples) this.examples.push(`${violation}: ${example}`);
  }

  get counts(): Violations {
    return { ...this.#counts };
  }
}
