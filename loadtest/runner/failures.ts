import type { DriverFigures } from '../driver/figures.ts';
import type { Verdict } from '../result.ts';

/**
 * What clients saw that was broken or lost, a sentence each. Speed is not among it: what it should be is written in the aims. `expectedErrors`:
 * reasons that are no fault. Connections that broke with a server that was killed on purpose are not among the driver's errors.
 */
export function failuresOfClients(driver: DriverFigures, expectedErrors: readonly string[]): readonly string[] {
  const lost = Object.entries(driver.kinds).map(([kind, figures]) => [`lost ${kind} messages`, figures.lost] as const);
  const errors = Object.entries(driver.errors).filter(([reason]) => !expectedErrors.includes(reason));
  const found = sentences([
    ...lost,
    ...errors.map(([reason, count]) => [`errors ${reason}`, count] as const),
    ...Object.entries(driver.violations).map(([what, count]) => [`violations: ${what}`, count] as const),
  ]);
  return driver.answered === 0 ? [...found, 'nothing was answered'] : found;
}

/** What is broken or lost by the log. */
export function failuresOfLog({ unfinished, audit }: Verdict): readonly string[] {
  return sentences([
    ['messages unfinished in the log', unfinished],
    ['breaches in the log', audit.breaches.length],
  ]);
}

function sentences(counted: readonly (readonly [what: string, count: number])[]): readonly string[] {
  return counted.filter(([, count]) => count > 0).map(([what, count]) => `${what}: ${count}`);
}
