import { expect, test } from '@jest/globals';
import { seededRandom } from '../../src/testing/random.ts';
import { sampleResult } from '../report/testing/sample-result.ts';
import type { LoadResult } from '../result.ts';
import { failuresOfClients, failuresOfLog, verdictOf } from './verdict.ts';

const good = sampleResult(seededRandom());
const clean: LoadResult = {
  ...good,
  driver: {
    ...good.driver,
    errors: {},
    refusedClients: 0,
    kinds: { text: { ...good.driver.kinds.text!, lost: 0 } },
    violations: { wrongReply: 0, hole: 0, repeat: 0, piecesDiffer: 0, disorder: 0, historyDiffers: 0 },
  },
  verdict: { audit: { records: 1, breaches: [] }, unfinished: 0 },
};
const { driver, verdict } = clean;
const failures = (result: LoadResult) => [...failuresOfClients(result.driver), ...failuresOfLog(result.verdict)];

test('a run in which nothing was broken or lost has not failed, whatever aims it missed', () => {
  const aim = { name: 'p99', unit: 'ms', limit: 1, isAtLeast: false, figure: 2, isMet: false };
  expect(failures({ ...clean, aims: [aim] } as LoadResult)).toEqual([]);
});

test.each<[string, Partial<LoadResult>, string]>([
  ['a hole', { driver: { ...driver, violations: { ...driver.violations, hole: 1 } } }, 'violations: hole: 1'],
  [
    'a lost message',
    { driver: { ...driver, kinds: { text: { ...driver.kinds.text!, lost: 2 } } } },
    'lost text messages: 2',
  ],
  ['an error', { driver: { ...driver, errors: { TOO_MANY_PENDING: 3 } } }, 'errors TOO_MANY_PENDING: 3'],
  ['silence', { driver: { ...driver, answered: 0 } }, 'nothing was answered'],
  ['an unfinished message', { verdict: { ...verdict, unfinished: 1 } }, 'messages unfinished in the log: 1'],
  ['a breach', { verdict: { ...verdict, audit: { records: 1, breaches: ['51 of 50'] } } }, 'breaches in the log: 1'],
])('%s is a failure', (_, changes, failure) => {
  expect(failures({ ...clean, ...changes })).toEqual([failure]);
});

test('a record that cannot be decoded counts as a breach', () => {
  const finding = { topic: 't', partition: 0, offset: 7, what: 'no event' };
  const audited = {
    records: 9,
    connections: { mostOpen: 1, cap: 50 },
    messages: { accepted: 1, pending: 2, mostInPartition: 1 },
    breaches: [{ ...finding, what: '51 of 50' }],
    undecodable: [finding],
  };
  expect(verdictOf(audited)).toEqual({
    audit: { records: 9, breaches: ['t/0 offset 7: 51 of 50', 'cannot be decoded: t/0 offset 7: no event'] },
    unfinished: 2,
  });
});
