import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { benchmarksPage, benchmarksPath } from './benchmarks-page.ts';
import { filled } from './markdown.ts';

test('docs/benchmarks.md is what its template and the baselines give', async () => {
  expect(await benchmarksPage()).toBe(await readFile(benchmarksPath, 'utf8'));
});

test('a template that names a value that there is not is refused', () => {
  expect(filled('{{a.b}} of {{c}}', { 'a.b': '1', c: '2' })).toBe('1 of 2');
  expect(() => filled('{{a.b}}', {})).toThrow('the template names a.b');
});
