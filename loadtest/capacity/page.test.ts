import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import type { Baselines } from './costs.ts';
import { capacityPage, needsText } from './page.ts';
import { readBaselines } from './write.ts';

const page = fileURLToPath(new URL('../../docs/capacity.md', import.meta.url));

async function baselines(): Promise<Baselines> {
  const all = await readBaselines();
  if (all === undefined) throw new Error('a baseline is missing');
  return all;
}

test('docs/capacity.md is what the baselines give (npm run load -- capacity --baseline)', async () => {
  expect(await readFile(page, 'utf8')).toBe(capacityPage(await baselines()));
});

test('the page has no figure that is none', async () => {
  expect(capacityPage(await baselines())).not.toMatch(/NaN|Infinity|undefined|null/);
});

test('what is assumed can be said otherwise, by its name and with a number', async () => {
  const all = await baselines();
  expect(needsText(all, [])).not.toBe(needsText(all, ['messagesPerClientDay=400']));
  expect(() => needsText(all, ['mediaShare=0'])).not.toThrow();
  for (const wrong of ['messages=1', 'mediaShare', 'mediaShare=', 'mediaShare=none', 'mediaShare=2', 'replyS=0']) {
    expect(() => needsText(all, [wrong])).toThrow(/--set takes NAME=NUMBER/);
  }
});
