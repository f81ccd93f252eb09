import { Code } from '@connectrpc/connect';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../testing/property.ts';
import type { AfterLoss, LossContext } from './reconnect.ts';
import {
  ALREADY_CONNECTED_WAIT_MS,
  afterLoss,
  DEFAULT_BACKOFF,
  RELOAD_WAIT_MS,
  reconnectDelayMs,
} from './reconnect.ts';
import { Refusal } from './refusal.ts';

const context: LossContext = {
  hadSession: true,
  mayHoldSession: true,
  withoutSessionMs: 0,
  hasPending: false,
  mayRenewToken: false,
  isPersistent: false,
};

function refused(code: Code, reason: string, retryDelayMs?: number): Refusal {
  return new Refusal(code, '', { reason, retryDelayMs });
}

describe('after the loss of a stream', () => {
  const cases: [what: string, refusal: Refusal | undefined, context: Partial<LossContext>, expected: AfterLoss][] = [
    ['that ended in order', undefined, {}, 'again'],
    ['because the connection broke', refused(Code.Unavailable, ''), {}, 'again'],
    ['because a proxy lost the server', refused(Code.Unknown, ''), {}, 'again'],
    ['whose method is unknown', refused(Code.Unimplemented, ''), {}, 'end'],
    ['to a server that leaves', refused(Code.Unavailable, 'DRAINING', 1_000), { hadSession: false }, 'again'],
    ['for want of reading', refused(Code.ResourceExhausted, 'SLOW_CONSUMER', 1_000), {}, 'again'],
    ['for opening too often', refused(Code.ResourceExhausted, 'TOO_MANY_WRITES', 100), { hadSession: false }, 'again'],
    ['after a long sleep', refused(Code.DeadlineExceeded, 'STALE'), {}, 'again'],
    ['for silence', refused(Code.DeadlineExceeded, 'FIRST_MESSAGE_TIMEOUT'), {}, 'park'],
    [
      'for silence, with something to say',
      refused(Code.DeadlineExceeded, 'FIRST_MESSAGE_TIMEOUT'),
      { hasPending: true },
      'again',
    ],
    ['of a session that a gateway has forgotten', refused(Code.NotFound, 'SESSION_NOT_FOUND'), {}, 'again'],
    ['by a take-over', refused(Code.Aborted, 'SESSION_TAKEN_OVER'), {}, 'end'],
    ['by an operator', refused(Code.Aborted, 'DISCONNECTED'), {}, 'end'],
    [
      'at first, by a full house',
      refused(Code.ResourceExhausted, 'TOO_MANY_CLIENTS', 2_000),
      { hadSession: false },
      'end',
    ],
    ['later, by a full house', refused(Code.ResourceExhausted, 'TOO_MANY_CLIENTS', 2_000), {}, 'again'],
    ['of a session that may be our own', refused(Code.AlreadyExists, 'ALREADY_CONNECTED'), {}, 'again'],
    [
      "of a session that is somebody else's",
      refused(Code.AlreadyExists, 'ALREADY_CONNECTED'),
      { mayHoldSession: false },
      'end',
    ],
    [
      'of a session that has outlived our own',
      refused(Code.AlreadyExists, 'ALREADY_CONNECTED'),
      { withoutSessionMs: ALREADY_CONNECTED_WAIT_MS },
      'end',
    ],
    [
      "of a session that is somebody else's, of a client that may have been reloaded",
      refused(Code.AlreadyExists, 'ALREADY_CONNECTED'),
      { mayHoldSession: false, isPersistent: true },
      'again',
    ],
    [
      'of a session that outlives a reload',
      refused(Code.AlreadyExists, 'ALREADY_CONNECTED'),
      { mayHoldSession: false, isPersistent: true, withoutSessionMs: RELOAD_WAIT_MS },
      'end',
    ],
    [
      'at first, by a full house, of a client that waits',
      refused(Code.ResourceExhausted, 'TOO_MANY_CLIENTS', 2_000),
      { hadSession: false, isPersistent: true },
      'again',
    ],
    ['by a defect', refused(Code.Internal, 'INTERNAL'), {}, 'end'],
    ['by a defect, of a client that waits', refused(Code.Internal, 'INTERNAL'), { isPersistent: true }, 'again'],
    ['by an operator, of a client that waits', refused(Code.Aborted, 'DISCONNECTED'), { isPersistent: true }, 'end'],
    ['whose method is unknown, of a client that waits', refused(Code.Unimplemented, ''), { isPersistent: true }, 'end'],
    ['for a wrong time zone', refused(Code.InvalidArgument, 'TIME_ZONE_REFUSED'), {}, 'end'],
  ];

  test.each(cases)('%s', (_what, refusal, more, expected) => {
    expect(afterLoss(refusal, { ...context, ...more })).toBe(expected);
  });
});

describe('the wait before the next attempt', () => {
  test('grows to its limit, and is never less than the server asked for', () => {
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    assertProperty(
      fc.property(
        fc.integer({ min: 1, max: 1_000 }),
        fc.option(fc.nat({ max: 60_000 })),
        random,
        (failures, told, at) => {
          const delayMs = reconnectDelayMs(failures, told ?? undefined, at);
          expect(delayMs).toBeGreaterThanOrEqual(told ?? 50);
          expect(delayMs).toBeLessThanOrEqual(Math.max(5_000, (told ?? 0) * 1.25));
        },
      ),
    );
  });

  test('doubles up to its maximum, its upper half random', () => {
    const longest = [1, 2, 3, 4, 5, 6, 1_000].map((failures) =>
      reconnectDelayMs(failures, undefined, 1, DEFAULT_BACKOFF),
    );
    expect(longest).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000]);
    expect(reconnectDelayMs(3, undefined, 0, DEFAULT_BACKOFF)).toBe(200);
  });

  test('is never shorter than the server says, and spread beyond', () => {
    expect(reconnectDelayMs(1, 4_000, 0, DEFAULT_BACKOFF)).toBe(4_000);
    expect(reconnectDelayMs(1, 4_000, 1, DEFAULT_BACKOFF)).toBe(5_000);
    expect(reconnectDelayMs(9, 10, 1, DEFAULT_BACKOFF)).toBe(5_000);
  });
});
