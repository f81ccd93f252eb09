import type { Origin } from './system/machine.ts';

/** A figure that was aimed at. */
export interface Target {
  readonly what: string;
  readonly aim: string;
  readonly figure: string;
  readonly met: boolean;
}

export function atMost(what: string, limit: number, unit: string, value: number): Target {
  return { what, aim: `≤ ${number(limit)} ${unit}`, figure: `${number(value)} ${unit}`, met: value <= limit };
}

export function atLeast(what: string, limit: number, unit: string, value: number): Target {
  return { what, aim: `≥ ${number(limit)} ${unit}`, figure: `${number(value)} ${unit}`, met: value >= limit };
}

/** How many of them are missed, and each with its figure. */
export function targetsSection(targets: readonly Target[]): string {
  const missed = targets.filter((target) => !target.met).length;
  const rows = targets.map(({ what, aim, figure, met }) => [what, aim, figure, met ? 'met' : '**missed**']);
  return `${missed === 0 ? 'All are met.' : `${missed} of ${targets.length} are missed.`}

${table(['', 'aim', 'figure', ''], rows)}`;
}

export function number(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: 0 });
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [
    row(...head),
    row(...head.map((_, index) => (index === 0 ? '---' : '---:'))),
    ...rows.map((cells) => row(...cells)),
  ].join('\n');
}

function row(...cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

export function originLine({ cpu, cores, memoryGib, system, node, commit, date }: Origin): string {
  return `${cpu}, ${cores} cores, ${memoryGib} GiB, ${system}, Node ${node}; commit ${commit}, ${date}.`;
}
