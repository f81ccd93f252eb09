import { runParley } from '../../src/testing/server.ts';
import type { DriverFigures } from '../driver/figures.ts';
import type { Aim, Verdict } from '../result.ts';
import type { AuditFigures, Facts, Finding, Profile, ScenarioAim, Settings } from '../scenarios/scenario.ts';

/** Each aim of a scenario with what came of it. What was not measured has not met its aim. */
export function evaluate(aims: readonly ScenarioAim[], facts: Facts, profile: Profile): readonly Aim[] {
  return aims.map(({ name, unit, limit: of, isAtLeast = false, figure: figureOf }) => {
    const limit = typeof of === 'number' ? of : of[profile];
    const figure = figureOf(facts) ?? null;
    const isMet = figure !== null && (isAtLeast ? figure >= limit : figure <= limit);
    return { name, unit, limit, isAtLeast, figure, isMet };
  });
}

/** What `parley audit` says of the log; a breach is a finding of it, no error. Rejects when the log cannot be read. */
export async function audit(settings: Settings): Promise<AuditFigures> {
  const { code, stdout, stderr } = await runParley(['audit', '--json'], settings);
  const line = stdout.trim().split('\n').at(-1) ?? '';
  if (!line.startsWith('{')) throw new Error(`parley audit ended with ${code}\n${stdout}${stderr}`);
  return JSON.parse(line) as AuditFigures;
}

export function verdictOf({ records, breaches, undecodable, messages }: AuditFigures): Verdict {
  const unreadable = undecodable.map((finding) => `cannot be decoded: ${sentence(finding)}`);
  return { audit: { records, breaches: [...breaches.map(sentence), ...unreadable] }, unfinished: messages.pending };
}

function sentence({ topic, partition, offset, what }: Finding): string {
  return `${topic}/${partition} offset ${offset}: ${what}`;
}

/**
 * What clients saw that was broken or lost, a sentence each. Speed is not among it: what it should be is written in the aims. Connections that broke with a server that was killed on purpose are not among the driver's errors.
 */
export function failuresOfClients(driver: DriverFigures): readonly string[] {
  const lost = Object.entries(driver.kinds).map(([kind, figures]) => [`lost ${kind} messages`, figures.lost] as const);
  const found = sentences([
    ...lost,
    ...Object.entries(driver.errors).map(([reason, count]) => [`errors ${reason}`, count] as const),
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
