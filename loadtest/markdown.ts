import type { Aim } from './result.ts';
import type { Origin } from './system/machine.ts';

/** Stands for every figure that there is not. */
export const missing = '–';

/** With as many digits as mean anything. */
export function number(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: 0 });
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [head, head.map((_, index) => (index === 0 ? '---' : '---:')), ...rows].map(line).join('\n');
}

/** A table with a row for each of these; what is undefined is left empty. */
export function tableOf<Row>(
  rows: readonly Row[],
  columns: Readonly<Record<string, (row: Row) => string | number | undefined>>,
): string {
  const cell = (value: string | number | undefined) => (typeof value === 'number' ? number(value) : (value ?? ''));
  return table(
    Object.keys(columns),
    rows.map((row) => Object.values(columns).map((of) => cell(of(row)))),
  );
}

export function originLine({ cpu, cores, memoryGib, system, node, commit, date }: Origin): string {
  return `${cpu}, ${cores} cores, ${memoryGib} GiB, ${system}, Node ${node}; commit ${commit}, ${date}.`;
}

export function atMost(name: string, limit: number, unit: string, figure: number): Aim {
  return { name, unit, limit, isAtLeast: false, figure, isMet: figure <= limit };
}

export function atLeast(name: string, limit: number, unit: string, figure: number): Aim {
  return { name, unit, limit, isAtLeast: true, figure, isMet: figure >= limit };
}

export function aimText({ limit, unit, isAtLeast }: Aim): string {
  return `${isAtLeast ? '≥' : '≤'} ${number(limit)} ${unit}`.trimEnd();
}

export function aimFigure({ figure, unit }: Aim): string {
  return figure === null || !Number.isFinite(figure) ? 'not measured' : `${number(figure)} ${unit}`.trimEnd();
}

/** How many of them are missed. */
export function aimsSummary(aims: readonly Aim[]): string {
  const missed = aims.filter(({ isMet }) => !isMet).length;
  if (aims.length === 0) return 'No aims were set.';
  return missed === 0 ? `All ${aims.length} aims are met.` : `${missed} of ${aims.length} aims are missed.`;
}

/** How many of them are missed, and each with its figure. */
export function aimsSection(aims: readonly Aim[]): string {
  const rows = aims.map((aim) => [aim.name, aimText(aim), aimFigure(aim), aim.isMet ? 'met' : '**missed**']);
  return `${aimsSummary(aims)}\n\n${table(['', 'aim', 'figure', ''], rows)}`;
}

/**
 * The text with a value for each `{{name.of.name}}`: a text as it is, a number as `number` writes it, or behind a `:` with so many decimals. Throws when there is no
 * such value, unless a `?` is behind the name.
 */
export function filled(template: string, values: object): string {
  return template.replaceAll(
    /\{\{([^{}?:]+)(\?)?(?::(\d))?\}\}/g,
    (_, path: string, isOptional?: string, decimals?: string) => {
      const value = path.split('.').reduce<unknown>((at, name) => Object(at)[name], values);
      if (typeof value === 'string') return value;
      if (typeof value !== 'number') {
        if (isOptional) return missing;
        throw new Error(`the template names ${path}, which is not measured`);
      }
      return decimals === undefined ? number(value) : inDecimals(value, Number(decimals));
    },
  );
}

function inDecimals(value: number, digits: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: digits });
}
