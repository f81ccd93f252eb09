import { columnsOf } from './wrap.ts';

/** Which side a column's cells are pushed to. */
export type Align = 'left' | 'right';

/** Lays rows out in columns, two spaces between them; pushed to the left by default. The last column is not padded. Ends with a line feed. */
export function table(
  rows: readonly (readonly string[])[],
  aligns: readonly Align[] = rows[0]?.map(() => 'left') ?? [],
): string {
  const widths = aligns.map((_, column) => Math.max(0, ...rows.map((row) => columnsOf(row[column] ?? ''))));
  return rows.map((row) => `${layOut(row, aligns, widths)}\n`).join('');
}

function layOut(row: readonly string[], aligns: readonly Align[], widths: readonly number[]): string {
  const cells = row.map((cell, column) => {
    const padding = ' '.repeat(Math.max(0, (widths[column] ?? 0) - columnsOf(cell)));
    return aligns[column] === 'right' ? padding + cell : cell + padding;
  });
  return cells.join('  ').trimEnd();
}
