import { expect, test } from '@jest/globals';
import type { Distribution } from './figures.ts';
import { bottleneckOf } from './health.ts';
import { Latencies } from './latencies.ts';

function about(ms: number): Distribution {
  const latencies = new Latencies();
  if (ms > 0) latencies.record(ms);
  return latencies.distribution();
}

const idle = { utilization: 0.3, loopDelayMs: about(1), latenessMs: about(0) };

test.each([
  ['keeps up', idle, 3, ''],
  ['is busy', { ...idle, utilization: 0.9 }, 3, 'its thread was busy 90 % of the time'],
  ['is late in its loop', { ...idle, loopDelayMs: about(8) }, 3, 'its event loop was late by 8.0 ms at p99'],
  ['is late, and the servers are much later', { ...idle, loopDelayMs: about(8) }, 30, ''],
  ['is late to say things', { ...idle, latenessMs: about(50) }, 30, 'it was late by 50.0 ms at p99 to say things'],
  ['is late and has measured nothing', { ...idle, loopDelayMs: about(8) }, 0, /late by 8\.0 ms/],
])('a driver that %s says so: %#', (_, health, acceptedMs, expected) => {
  const told = bottleneckOf(health, [{ acceptedMs: about(acceptedMs) }, { acceptedMs: about(0) }]);
  if (expected instanceof RegExp) expect(told).toMatch(expected);
  else expect(told).toBe(expected);
});
