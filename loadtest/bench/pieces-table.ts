import { number, table } from '../markdown.ts';
import type { Percentiles } from '../system/percentiles.ts';
import type { PiecesFigures } from './client.ts';

/** p50, p90, p99, max and count. */
function percentileCells({ p50, p90, p99, max, count }: Percentiles): string[] {
  return [p50, p90, p99, max, count].map(number);
}

/** What comes of the replies in pieces, the same in both profiles. */
export function piecesTable(pieces: PiecesFigures): string {
  return table(
    ['', 'p50 ms', 'p90 ms', 'p99 ms', 'max ms', 'count'],
    [
      ['first piece, spread over a second', ...percentileCells(pieces.firstPieceMs)],
      ['first piece, all at the same moment', ...percentileCells(pieces.firstPieceAtOnceMs)],
      ['piece delay', ...percentileCells(pieces.pieceDelayMs)],
    ],
  );
}
