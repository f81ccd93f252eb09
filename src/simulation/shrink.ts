import type { Rule } from './rules.ts';
import { nothingOmitted, type Omissions, scenarioOf } from './scenario.ts';
import { simulate } from './simulate.ts';

/** A history that still fails, with less in it. */
export interface Shrunk {
  readonly omissions: Omissions;
  /** Histories that were run. */
  readonly tried: number;
}

/** Shorter than this a history says no more. */
const shortestMs = 1_000;

/** Drops faults and clients, and shortens the time, as long as the history of the seed still breaks the rule. */
export async function shrink(seed: number, rule: Rule): Promise<Shrunk> {
  let omissions = nothingOmitted;
  let tried = 0;
  const stillFails = async (with_: Omissions) => {
    tried += 1;
    const { findings } = await simulate(scenarioOf(seed, with_));
    return findings.some((finding) => finding.rule === rule);
  };
  const drop = async (kind: 'faults' | 'clients', name: string) => {
    const without = { ...omissions, [kind]: new Set([...omissions[kind], name]) };
    if (await stillFails(without)) omissions = without;
  };
  const whole = scenarioOf(seed);
  for (const name of Object.keys(whole.rates)) await drop('faults', name);
  for (const { clientId } of whole.clients) await drop('clients', clientId);
  for (let activeMs = whole.activeMs / 2; activeMs > shortestMs; activeMs /= 2) {
    const shorter = { ...omissions, activeMs };
    if (!(await stillFails(shorter))) break;
    omissions = shorter;
  }
  return { omissions, tried };
}
