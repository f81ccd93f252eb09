import { number } from '../markdown.ts';
import { columns } from '../report/columns.ts';
import { missing } from '../report/wording.ts';
import type { Measured } from './measure.ts';

const head = ['call', 'calls', 'per second', 'p50 ms', 'p90 ms', 'p99 ms', 'max ms', 'refused', 'ended with'];

/** What was measured, a line for each kind of call; the times are those of calls that ended as they should. */
export function table(measured: readonly Measured[]): string {
  return columns({ head, rows: measured.map(row) });
}

function row({ name, count, perSecond, goodMs, refusedCount, codes }: Measured): readonly string[] {
  const { p50, p90, p99, max } = goodMs;
  const times = [p50, p90, p99, max].map((ms) => (goodMs.count === 0 ? missing : number(ms)));
  const ended = Object.entries(codes).map(([code, calls]) => `${code} ${calls}`);
  return [name, String(count), number(perSecond), ...times, String(refusedCount), ended.join(', ')];
}
