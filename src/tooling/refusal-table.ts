import type { Refusal } from '../domain/errors/catalogue.ts';
import type { Block } from './page-blocks.ts';

/** A row for each refusal: what it is, and what to do. */
export function refusalTable(rows: readonly (readonly [string, Refusal])[]): Extract<Block, { kind: 'table' }> {
  return {
    kind: 'table',
    heads: ['Reason', 'gRPC code', 'Retry', 'Meaning', 'What to do'],
    rows: rows.map(([reason, { code, retryable, retryDelayMs, meaning, remedy }]) => [
      `\`${reason}\``,
      `\`${code}\``,
      retryable ? `after ${retryDelayMs} ms` : 'no',
      meaning,
      remedy,
    ]),
  };
}
