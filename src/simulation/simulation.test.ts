import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { rules } from './rules.ts';
import { scenarioOf } from './scenario.ts';
import { simulate } from './simulate.ts';
import { momentFaults, operationFaults } from './world/faults.ts';

/** Histories that take a moment each, of all shapes. */
const seeds = [3, 6, 16, 18, 127];

describe('the simulation', () => {
  test.each(seeds)('gives the same history again, step by step: seed %i', async (seed) => {
    const first = await simulate(scenarioOf(seed));
    const second = await simulate(scenarioOf(seed));
    expect(second.digest).toBe(first.digest);
    expect(second.findings).toEqual(first.findings);
    expect(second.tasks).toBe(first.tasks);
  });

  test('breaks no rule where nothing goes wrong', async () => {
    const { rates: faults } = scenarioOf(24);
    const peaceful = scenarioOf(24, { faults: new Set(Object.keys(faults)), clients: new Set() });
    const { findings, records } = await simulate(peaceful);
    expect(records).toBeGreaterThan(50);
    expect(findings).toEqual([]);
  });

  test('is documented: every fault and every rule', () => {
    const page = readFileSync('docs/simulation.md', 'utf8');
    for (const name of [...operationFaults, ...momentFaults]) expect(page).toContain(`| \`${name}\` |`);
    for (const [name, sentence] of Object.entries(rules)) expect(page).toContain(`| \`${name}\` | ${sentence}`);
  });
});
