import type { Distribution, Violations } from '../driver/figures.ts';
import { missing, number } from '../markdown.ts';
import type { LoadResult } from '../result.ts';

/** Scenario, profile and, when it is not the usual one, protocol. */
export function nameParts({ scenario, profile, load: { protocol } }: LoadResult): readonly string[] {
  return [scenario, profile, ...(protocol === 'grpc' ? [] : [protocol])];
}

/** What a run is called in a text. */
export function nameOf(result: LoadResult): string {
  return nameParts(result).join(', ');
}

/** A figure, or that there is none: JSON has null where a number was none. */
export function figure(value: number | null | undefined): string {
  return Number.isFinite(value) ? number(value as number) : missing;
}

/** A count in full. */
export function count(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: 0 });
}

/** Of what was never measured no figure means anything. */
export function figureOf(distribution: Distribution | undefined, name: 'mean' | 'p50' | 'p90' | 'p99' | 'max'): string {
  return distribution === undefined || distribution.count === 0 ? missing : figure(distribution[name]);
}

/** In decimal units, as sizes of media are told. */
export function size(bytes: number | undefined): string {
  if (bytes === undefined || !Number.isFinite(bytes)) return missing;
  if (bytes < 1_000) return `${number(bytes)} B`;
  return bytes < 1_000_000 ? `${number(bytes / 1_000)} kB` : `${number(bytes / 1_000_000)} MB`;
}

export const violationNames: Readonly<Record<keyof Violations, string>> = {
  wrongReply: 'A reply to something else, or with the words of another',
  hole: 'Bytes of a reply that never came',
  repeat: 'Bytes that came twice',
  piecesDiffer: 'Pieces that differ from the complete reply, or from what they go on from',
  disorder: 'Replies in another order than history has them',
  historyDiffers: 'Replies that history does not hold, or otherwise, or twice',
};
