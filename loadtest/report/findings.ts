import { aimsSummary } from '../markdown.ts';
import type { LoadResult } from '../result.ts';
import { totalsOf } from './totals.ts';
import { count } from './wording.ts';

/** A sentence about a run, and whether it is one that was hoped for. */
export interface Finding {
  readonly words: string;
  readonly isGood: boolean;
}

function finding(wrong: number, good: string, bad: string): Finding {
  return wrong === 0 ? { words: good, isGood: true } : { words: bad, isGood: false };
}

/** Whether the run proves what it is to prove. */
export function findingsOf(result: LoadResult): readonly Finding[] {
  const { lost, violations } = totalsOf(result);
  const { audit, unfinished } = result.verdict;
  const { bottleneck } = result.driver.health;
  const missed = result.aims.filter(({ isMet }) => !isMet).length;
  return [
    finding(missed, aimsSummary(result.aims), aimsSummary(result.aims)),
    finding(lost, 'No message was lost.', `Lost messages: ${count(lost)}.`),
    finding(
      violations,
      'Every reply was right, whole, in order and in history.',
      `Violations seen: ${count(violations)}.`,
    ),
    finding(
      audit.breaches.length,
      `The log keeps every limit: ${count(audit.records)} records folded.`,
      `Breaches in the log: ${count(audit.breaches.length)}, in ${count(audit.records)} records.`,
    ),
    finding(unfinished, 'Nothing was left in processing.', `Messages left in processing: ${count(unfinished)}.`),
    bottleneck === ''
      ? { words: 'The driver kept up.', isGood: true }
      : { words: `The driver set the pace, so its figures are to be doubted: ${bottleneck}`, isGood: false },
  ];
}
