import { number, table } from '../markdown.ts';

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];

/** In decimal units: a kB is 1,000 bytes. */
export function bytesText(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  return `${number(bytes / 1_000 ** power)} ${units[power]}`;
}

/** A table of words: no column is aligned as figures are. */
export function wordTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return table(head, rows).replaceAll('---:', '---');
}

/** A share as per cent, exact to three digits however small; below a millionth it is nothing. */
export function percent(share: number): string {
  if (share === 0) return '0';
  if (share < 1e-6) return '< 0.0001 %';
  return `${Number((share * 100).toPrecision(3))} %`;
}

/** A number of things in full, of parts of one three digits. */
export function amount(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));
}

/** A power of ten, by its exponent. */
export function power(value: number): string {
  const exponent = String(Math.round(Math.log10(value)));
  return `10${exponent.replace(/\d/g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)] ?? '')}`;
}

/** Of clients, to two digits, since no end is known better. */
export function about(clients: number): string {
  return clients >= 1e9 ? 'none' : Number(clients.toPrecision(2)).toLocaleString('en');
}
