import { describe, expect, test } from '@jest/globals';
import { seededRandom } from '../../src/testing/random.ts';
import type { DriverTick } from '../driver/figures.ts';
import type { LoadResult } from '../result.ts';
import { comparison } from './comparison.ts';
import { loadValues } from './document.ts';
import { plots } from './plots.ts';
import { summary, summaryLine } from './terminal.ts';
import { distributionOf, sampleResult, troubledResult } from './testing/sample-result.ts';

const random = seededRandom();

/** The line that begins with this, its runs of spaces as one. */
function lineOf(text: string, first: string): string | undefined {
  return text
    .split('\n')
    .find((line) => line.startsWith(first))
    ?.replaceAll(/ +/g, ' ');
}

/** A result in which every reply to a text took so long. */
function repliesAt(ms: number): LoadResult {
  const result = sampleResult(() => 0.5);
  const { text } = result.driver.kinds;
  const kinds = {
    text: { ...text!, replyMs: distributionOf([ms, ms, ms]), aboveSimulatedMs: distributionOf([ms / 100]) },
  };
  return { ...result, driver: { ...result.driver, kinds, ranMs: 100_000 } };
}

describe('the line for one second', () => {
  const quiet: DriverTick = {
    second: 0,
    connected: 0,
    waiting: 0,
    said: 0,
    answered: 0,
    errors: 0,
    inFlight: 0,
    replyP50Ms: 0,
    replyP99Ms: 0,
    loopDelayP99Ms: 0,
  };
  const huge = Object.fromEntries(Object.keys(quiet).map((name) => [name, 1_234_567])) as unknown as DriverTick;

  test.each([quiet, huge])('is one line of at most 100 columns', (tick) => {
    for (const system of [undefined, sampleResult(random).system[7]]) {
      expect(summaryLine(tick, system)).toMatch(/^[^\n]{60,100}$/);
    }
  });

  test('has percentiles only when there were replies', () => {
    expect(summaryLine(quiet)).toContain('p50       –  p99       –');
    expect(summaryLine({ ...quiet, answered: 2, replyP50Ms: 3.21, replyP99Ms: 1_500 })).toContain(
      'p50 3.21 ms  p99   1.5 s',
    );
  });
});

describe('the summary', () => {
  test('tells what came of a run', () => {
    const text = summary(sampleResult(random));
    expect(lineOf(text, 'video ')).toBe('video 2,100 2,100 2,100 0 143 kB');
    expect(lineOf(text, 'Above simulated, text, p99')).toBe('Above simulated, text, p99 ≤ 15 ms 6.3 ms met');
    expect(text).not.toContain('✗');
    expect(text).not.toContain('resumed');
  });

  test('tells all that went wrong', () => {
    const text = summary(troubledResult(random));
    expect(lineOf(text, 'Resumed, p99')).toBe('Resumed, p99 ≤ 500 ms not measured missed');
    expect(lineOf(text, 'PROVIDER_TIMEOUT')).toBe('PROVIDER_TIMEOUT 4');
    for (const line of ['✗ Lost messages: 3.', '51 sessions open after record 9,114', 'Clients reconnected 61 times.'])
      expect(text.split('\n')).toContain(line);
  });
});

describe('a comparison', () => {
  const [a, b] = [repliesAt(200), repliesAt(300)];

  test('gives both figures and the ratio', () => {
    const text = comparison(a, b);
    expect(lineOf(text, 'text, complete reply, p99')).toBe('text, complete reply, p99 ms 200 300 1.5');
    expect(lineOf(text, 'text, above simulated, mean')).toBe('text, above simulated, mean ms 2 3 1.5');
    expect(lineOf(text, 'answered a second')).toBe('answered a second 21 21 1');
    expect(lineOf(text, 'text, lost')).toBe('text, lost 0 0 –');
    expect(text).not.toContain('resumed');
    expect(text).toContain('The same commit, machine, load and settings: what differs is chance.');
  });

  test('says that what only one of them has measured is missing in the other', () => {
    const voice = comparison(a, sampleResult(random));
    expect(lineOf(voice, 'voice, lost')).toBe('voice, lost – 0 –');
  });

  test('of two commits, or of changes that are in none, compares like with like', () => {
    const alike = 'The same machine, load and settings: what differs is the code';
    const at = (result: LoadResult, commit: string) => ({ ...result, origin: { ...result.origin, commit } });
    expect(comparison(a, at(b, 'fedc987'))).toContain(alike);
    expect(comparison(at(a, '0123abc+'), at(b, '0123abc+'))).toContain(alike);
  });

  test.each([
    ['machine', { origin: { ...b.origin, cpu: 'Another' } }, 'machine.cpu: A processor → Another'],
    ['load', { load: { ...b.load, clients: 50 } }, 'load.clients: 100 → 50'],
    ['settings', { settings: { PARLEY_MAX_CLIENTS: '100' } }, 'PARLEY_SIMULATED_SEED: 7 → not set'],
    ['caps', { limits: { maxClients: 50, maxProcessing: 500 } }, 'limits.maxClients: 100 → 50'],
    ['profile', { profile: 'distributed' }, 'profile: embedded → distributed'],
  ] as const)('says that the %s differ', (_what, change, line) => {
    const changed: LoadResult = { ...b, ...change };
    const text = comparison(a, { ...changed, origin: { ...changed.origin, commit: 'fedc987' } });
    expect(text).toContain('They differ, so the ratios do not compare like with like:');
    expect(text).toContain(`  ${line}\n  commit: 0123abc → fedc987\n`);
  });
});

describe('the section of the document', () => {
  const embedded = repliesAt(200);
  const distributed: LoadResult = { ...repliesAt(300), profile: 'distributed' };
  const text = Object.values(loadValues([troubledResult(random), distributed, embedded]).all).join('\n\n');

  test('shows missed aims as missed', () => {
    expect(text).toContain('2 of 7 aims are missed.');
    expect(text).toContain('| chaos, distributed: Not answered | ≤ 0 messages | 7 messages | **missed** |');
    expect(text).toContain('| published, embedded: Not answered | ≤ 0 messages | 0 messages | met |');
    expect(text).toContain('| chaos, distributed | 4,200 | 4,193 | 4 | 3 |');
    expect(text).toContain('**The driver set the pace');
  });

  test('links to the plots that are drawn', async () => {
    const files = await Promise.all([embedded, distributed, troubledResult(random)].map(plots));
    const linked = Array.from(text.matchAll(/\(images\/load\/([^)]+)\)/g), ([, file]) => file);
    expect(new Set(linked)).toEqual(new Set(files.flatMap((drawn) => Object.keys(drawn))));
  });
});
