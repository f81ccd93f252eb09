import { expect, test } from '@jest/globals';
import { selectorsOf } from './promql.ts';

test('a query tells its metrics, and the labels that it matches or groups by', () => {
  const query = 'sum by (le, role) (rate(a_bucket{cap="x", how!~"y|z"}[$__rate_interval])) / max(up{job="parley"})';
  expect(selectorsOf(query)).toEqual([
    { metric: 'a_bucket', labels: ['cap', 'how', 'le', 'role'], equal: { cap: 'x' } },
    { metric: 'up', labels: ['job'], equal: { job: 'parley' } },
  ]);
});

test('groups of one part say nothing of another', () => {
  expect(selectorsOf('sum by (a) (x) + y').map(({ labels }) => labels)).toEqual([['a'], []]);
});

test.each(['sum(', 'a b', 'rate(x[)', ''])('%j is no query', (query) => {
  expect(() => selectorsOf(query)).toThrow('not PromQL');
});
