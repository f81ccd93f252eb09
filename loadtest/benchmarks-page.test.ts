import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { benchmarksPage, benchmarksPath } from './benchmarks-page.ts';
import { filled } from './markdown.ts';

test('docs/benchmarks.md is what its template and the baselines give', async () => {
  expect(await benchmarksPage()).toBe(await readFile(benchmarksPath, 'utf8'));
});

test('a template that names a value that there is not is refused, unless it says that it may be missing', () => {
  expect(filled('{{a.b c}} of {{d}}, {{d:2}}', { a: { 'b c': 'one' }, d: 2 })).toBe('one of 2, 2.00');
  expect(filled('{{a.b?}}', {})).toBe('–');
  expect(() => filled('{{a.b}}', { a: {} })).toThrow('the template names a.b');
});
