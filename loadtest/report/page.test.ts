import { describe, expect, test } from '@jest/globals';
import { seededRandom } from '../../src/testing/random.ts';
import type { LoadResult } from '../result.ts';
import { page } from './page.ts';
import { sampleResult, troubledResult } from './testing/sample-result.ts';

const random = seededRandom();

/** The cells of the row that begins with this, as text. */
function cellsOf(markup: string, first: string): readonly string[] {
  const rows = markup.split('<tr>').map((row) => row.split('</tr>')[0] ?? '');
  const row = rows.find((candidate) => candidate.startsWith(`<td>${first}</td>`)) ?? '';
  return Array.from(row.matchAll(/<td>(.*?)<\/td>/g), ([, cell = '']) => cell.replaceAll(/<[^>]*>/g, ''));
}

test('shows what a run was, and that nothing was wrong with it', async () => {
  const result = sampleResult(random);
  const markup = await page(result);
  for (const text of ['All 2 aims are met.', 'No message was lost.', 'commit 0123abc', '2026-11-22', 'A processor'])
    expect(markup).toContain(text);
  expect(cellsOf(markup, 'voice')).toEqual(['voice', '2,100', '2,100', '2,100', '0', '62.1 kB']);
  expect(cellsOf(markup, 'Above simulated, text, p99').slice(1)).toEqual(['≤ 15 ms', '6.3 ms', 'met']);
  expect(markup).toContain('<dt>PARLEY_MAX_CLIENTS</dt><dd>100</dd>');
  expect(markup).not.toContain('class="bad"');
  expect(markup.match(/<svg /g)).toHaveLength(10);
});

test('shows everything that went wrong', async () => {
  const markup = await page(troubledResult(random));
  expect(cellsOf(markup, 'Not answered')).toEqual(['Not answered', '≤ 0 messages', '7 messages', 'missed']);
  expect(cellsOf(markup, 'Bytes of a reply that never came')[1]).toBe('2');
  expect(cellsOf(markup, 'UNAVAILABLE')[1]).toBe('36');
  expect(cellsOf(markup, 'clients that found no place')[1]).toBe('2');
  for (const text of [
    '2 of 3 aims are missed.',
    'Lost messages: 3.',
    'Violations seen: 3.',
    'client-17: 41 bytes of the reply to 0f3a never came',
    '51 sessions open after record 9,114',
    'Messages left in processing: 4.',
    'its thread was busy 93 % of the time',
    'at 58 s: SIGKILL to the worker, started again',
  ])
    expect(markup).toContain(text);
});

describe('what was not measured', () => {
  test('is said to be missing, and never shown as 0', async () => {
    const markup = await page(troubledResult(random));
    expect(cellsOf(markup, 'text, above simulated').slice(1)).toEqual(['–', '–', '–', '–', '–', '–']);
    expect(cellsOf(markup, 'resumed').slice(1)).toEqual(['–', '–', '–', '–', '–', '–']);
    expect(cellsOf(markup, 'Resumed, p99')[2]).toBe('not measured');
    expect(cellsOf(markup, 'voice')).toEqual([]);
  });

  test('has no plot', async () => {
    const markup = await page(sampleResult(random, { system: [] }));
    // The driver's event loop is still known, and so are its own figures.
    expect(markup.match(/<svg /g)).toHaveLength(5);
    expect(markup.match(/Not measured\./g)).toHaveLength(5);
  });

  test('may be all there is', async () => {
    const { driver, ...rest } = sampleResult(random, { system: [], processes: {}, aims: [] });
    const nothing: LoadResult = { ...rest, driver: { ...driver, ranMs: 0, kinds: {}, ticks: [] } };
    const markup = await page(JSON.parse(JSON.stringify(nothing)) as LoadResult);
    expect(markup).not.toMatch(/NaN|undefined|Infinity|<svg /);
    expect(markup).toContain('No aims were set.');
  });
});

test('shows as text what servers and clients have said, whatever it is', async () => {
  const hostile = '</td></figure><script>alert("1")</script><img src=x onerror="alert(2)">&amp;';
  const good = sampleResult(random);
  const markup = await page({
    ...good,
    description: hostile,
    driver: { ...good.driver, errors: { [hostile]: 1 }, violationExamples: [hostile] },
    system: good.system.map((tick) => ({ ...tick, residentMib: { [hostile]: 1 } })),
    settings: { PARLEY_PREFIX: hostile },
    events: [{ second: 1, what: hostile }],
    notes: [hostile],
  });
  expect(markup).not.toMatch(/<script|<img/);
  // In the page: description, error, example, setting, event, note; once more where the plot names its line.
  expect(markup.match(/&lt;script&gt;alert\(/g)?.length).toBeGreaterThanOrEqual(7);
  expect(markup).toContain('onerror=&quot;alert(2)&quot;&gt;&amp;amp;');
});

test('needs nothing but itself', async () => {
  const markup = await page(troubledResult(random));
  expect(markup).not.toMatch(/<script|<link|<img|<use|<iframe|<object|@import|url\(|src=|href=|\bon\w+=/i);
  const addresses = new Set(markup.match(/[a-z]+:\/\/[^"'\s<]+/gi));
  // Names of what the markup is, which nobody asks for.
  expect([...addresses].sort()).toEqual([
    'http://www.w3.org/1999/xhtml',
    'http://www.w3.org/1999/xlink',
    'http://www.w3.org/2000/svg',
  ]);
  expect(markup).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
});
