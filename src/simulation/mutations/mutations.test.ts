import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { mutatedFiles } from './mutated-tree.ts';
import { mutations } from './mutations.ts';

const folder = import.meta.dirname;

/** Those that nearly every history shows. */
const cheap = ['05-plan-without-limit', '16-cap-off-by-one', '20-accepted-before-written'];

describe('mutations', () => {
  test('each patch has a row in the table, and each row a patch', () => {
    const patches = readdirSync(folder).filter((file) => file.endsWith('.patch'));
    expect(mutations.map(({ name }) => `${name}.patch`)).toEqual(patches.sort());
  });

  test('each is documented', () => {
    const page = readFileSync('docs/simulation.md', 'utf8');
    for (const { name, fault } of mutations) expect(page).toContain(`| \`${name}\` | ${fault} |`);
  });

  // One that does not apply any more is to be made anew: `git diff` of the same fault in the code as it is now.
  test.each(mutations)('applies to the tree: $name', ({ name }) => {
    expect(mutatedFiles(name).size).toBeGreaterThan(0);
  });

  test('are found', () => {
    const options = ['--from', '1', '--seeds', '200', '--threads', '1', ...cheap];
    const output = execFileSync(process.execPath, [join(folder, 'run.ts'), ...options], { encoding: 'utf8' });
    expect(output).toContain(`Mutations: ${cheap.length} found, 0 missed`);
  });
});
