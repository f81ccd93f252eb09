import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';

const dist = new URL('../dist/', import.meta.url);
const maxFirstLoadBytes = 100_000;

test('the page is drawn after 100 KB at most, compressed by gzip', async () => {
  const html = await readFile(new URL('index.html', dist), 'utf8');
  const names = [...html.matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)].map(([, name]) => name);
  expect(new Set(names.map((name) => name?.replace(/.*\./, '')))).toEqual(new Set(['js', 'css']));
  const sizes = await Promise.all(names.map(async (name) => (await readFile(new URL(`${name}.gz`, dist))).length));
  expect(sizes.reduce((sum, bytes) => sum + bytes, html.length)).toBeLessThanOrEqual(maxFirstLoadBytes);
});
