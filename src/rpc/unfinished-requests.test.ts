import { beforeEach, expect, test } from '@jest/globals';
import {
  connectionSweepMs,
  maxRequestBytes,
  maxUnprovenRequestBytes,
  requestBodyMs,
} from '../domain/connection-limits.ts';
import type { CutReason } from '../ports/telemetry.ts';
import { StandingClock } from '../testing/standing-clock.ts';
import { UnfinishedRequests } from './unfinished-requests.ts';

let clock: StandingClock;
let reasons: CutReason[];
let refused: string[];
let unfinished: UnfinishedRequests;

beforeEach(() => {
  clock = new StandingClock();
  reasons = [];
  refused = [];
  unfinished = new UnfinishedRequests(clock, { cut: (reason) => reasons.push(reason) }, undefined, 100);
});

function begin(name: string) {
  return unfinished.begin(() => refused.push(name), undefined);
}

test('the oldest that has brought anything gives way to what is too much', () => {
  const requests = ['empty', 'first', 'second', 'third'].map(begin);
  for (const [index, bytes] of [0, 40, 40, 20].entries()) requests[index]?.count(bytes);
  expect(refused).toEqual([]);
  requests[3]?.count(1);
  expect(refused).toEqual(['first']);
  expect(reasons).toEqual(['body_bytes']);
});

test('what has ended takes no room and is not refused', () => {
  const [first, second] = [begin('first'), begin('second')];
  first.count(90);
  first.end();
  first.count(90);
  second.count(100);
  expect(refused).toEqual([]);
});

test('one request has a bound of its own', () => {
  unfinished = new UnfinishedRequests(
    clock,
    { cut: (reason) => reasons.push(reason) },
    undefined,
    10 * maxRequestBytes,
  );
  begin('small').count(1);
  begin('large').count(maxRequestBytes + 1);
  expect(refused).toEqual(['large']);
});

test('one that does not end in its time is refused, one that has ended is not', async () => {
  begin('slow').count(1);
  begin('quick').end();
  for (let passedMs = 0; passedMs <= requestBodyMs + connectionSweepMs; passedMs += connectionSweepMs) {
    expect(refused.length === 0 || passedMs >= requestBodyMs).toBe(true);
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(connectionSweepMs);
  }
  await new Promise((resolve) => setImmediate(resolve));
  expect(refused).toEqual(['slow']);
  expect(reasons).toEqual(['body_time']);
});

test('who must prove who they are does so before much arrives, and those who cannot are refused', async () => {
  const asked: (string | undefined)[] = [];
  const proof = async (authorization: string | undefined) => {
    asked.push(authorization);
    return authorization === 'Bearer known' ? undefined : { code: 16, message: `not ${authorization}` };
  };
  unfinished = new UnfinishedRequests(clock, { cut: (reason) => reasons.push(reason) }, proof);
  const authorizations = [undefined, 'Bearer known', 'Bearer unknown'];
  const requests = authorizations.map((authorization) =>
    unfinished.begin(({ message }) => refused.push(message), authorization),
  );
  for (const request of requests) expect(request.count(maxUnprovenRequestBytes)).toBe(true);
  expect(asked).toEqual([]);
  for (const request of requests) request.count(1);
  await new Promise((resolve) => setImmediate(resolve));
  expect(asked).toEqual(authorizations);
  expect(refused).toEqual(['not undefined', 'not Bearer unknown']);
  expect(requests.map((request) => request.count(1))).toEqual([false, true, false]);
  expect(asked).toHaveLength(3);
  expect(reasons).toEqual(['unproven', 'unproven']);
});
