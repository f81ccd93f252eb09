import { describe, expect, test } from '@jest/globals';
import { ALREADY_CONNECTED_PATIENCE_MS } from '../../../../src/client/reconnect.ts';
import { afterLoss, type LossContext, reloadPatienceMs } from './reconnect.ts';
import { refusal } from './refusals.ts';

const calm: LossContext = { mayHoldSession: false, withoutSessionMs: 0, hasUnsent: false };

describe('after the loss of a stream', () => {
  test.each([
    'NETWORK',
    'STALE',
    'DRAINING',
    'LOG_UNAVAILABLE',
    'SLOW_CONSUMER',
    'TOO_MANY_WRITES',
    'SESSION_NOT_FOUND',
    'HISTORY_BEHIND',
    'INTERNAL',
  ])('connects again: %s', (reason) => expect(afterLoss(refusal(reason), calm)).toBe('again'));

  test.each(['DISCONNECTED', 'TIME_ZONE_REFUSED', 'CLIENT_ID_INVALID', 'NOT_IMPLEMENTED'])(
    'tells what connecting again would not change: %s',
    (reason) => expect(afterLoss(refusal(reason), calm)).toBe('refused'),
  );

  test('rests when it was silent, unless there is something to send', () => {
    const why = refusal('FIRST_MESSAGE_TIMEOUT');
    expect(afterLoss(why, calm)).toBe('rest');
    expect(afterLoss(why, { ...calm, hasUnsent: true })).toBe('again');
  });

  test('is patient with its own former session, and not with somebody else’s', () => {
    const why = refusal('ALREADY_CONNECTED');
    expect(afterLoss(why, calm)).toBe('again');
    expect(afterLoss(why, { ...calm, withoutSessionMs: reloadPatienceMs })).toBe('refused');
    const holding = { ...calm, mayHoldSession: true, withoutSessionMs: reloadPatienceMs };
    expect(afterLoss(why, holding)).toBe('again');
    expect(afterLoss(why, { ...holding, withoutSessionMs: ALREADY_CONNECTED_PATIENCE_MS })).toBe('refused');
  });
});
