import { expect, test } from '@jest/globals';
import { maxPendingTraces } from './limits.ts';
import { PendingTraces } from './pending-traces.ts';

test('traces are kept as long as their messages are pending, and no more than the limit of them', () => {
  const traces = new PendingTraces();
  const trace = (i: number) => ({ traceparent: String(i) });
  for (let i = 0; i <= maxPendingTraces; i += 1) traces.add(`m${i}`, trace(i));
  expect(traces.get('m0')).toBeUndefined();
  expect(traces.get('m1')).toEqual(trace(1));
  expect(traces.get(`m${maxPendingTraces}`)).toEqual(trace(maxPendingTraces));
  traces.remove('m1');
  expect(traces.get('m1')).toBeUndefined();
});
