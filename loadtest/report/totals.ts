import type { LoadResult } from '../result.ts';

/** What all kinds come to together. */
export interface Totals {
  readonly said: number;
  readonly answered: number;
  readonly lost: number;
  /** Said, and told that it would not be answered. */
  readonly refused: number;
  readonly saidPerSecond: number;
  readonly answeredPerSecond: number;
  readonly errors: number;
  readonly violations: number;
}

/** Adds up the kinds of a run. */
export function totalsOf({ driver }: LoadResult): Totals {
  const kinds = Object.values(driver.kinds);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const [said, answered, lost] = [
    sum(kinds.map((kind) => kind.said)),
    sum(kinds.map((kind) => kind.answered)),
    sum(kinds.map((kind) => kind.lost)),
  ];
  const seconds = driver.ranMs / 1_000;
  return {
    said,
    answered,
    lost,
    refused: said - answered - lost,
    saidPerSecond: said / seconds,
    answeredPerSecond: answered / seconds,
    errors: sum(Object.values(driver.errors)),
    violations: sum(Object.values(driver.violations)),
  };
}
