import { Metadata, status } from '@grpc/grpc-js';
import { describe, expect, test } from '@jest/globals';
import { explain } from './explain.ts';
import { MessageRefused } from './outbox.ts';
import { durationMs, durationOf, Refusal, refusalOf } from './refusal.ts';
import { detailsOf } from './testing/scripted-server.ts';

const address = '127.0.0.1:50051';

describe('a refusal', () => {
  test('is read with reason, delay and fields', () => {
    const told = {
      code: status.INVALID_ARGUMENT,
      reason: 'FRAME_INVALID',
      detail: 'No.',
      retryDelayMs: 1_250,
      field: 'hello.time_zone',
    };
    expect(refusalOf({ code: told.code, details: 'No.', metadata: detailsOf(told) })).toMatchObject({
      code: status.INVALID_ARGUMENT,
      codeName: 'INVALID_ARGUMENT',
      reason: 'FRAME_INVALID',
      message: 'No.',
      retryDelayMs: 1_250,
      violations: [{ field: 'hello.time_zone', description: 'is wrong' }],
    });
  });

  test('without details is what the transport says', () => {
    const read = refusalOf({ code: status.UNAVAILABLE, details: 'connect ECONNREFUSED', metadata: new Metadata() });
    expect(read).toMatchObject({
      reason: '',
      message: 'connect ECONNREFUSED',
      retryDelayMs: undefined,
      violations: [],
    });
  });

  test('with mangled details still tells its code', () => {
    const metadata = new Metadata();
    metadata.set('grpc-status-details-bin', Buffer.from([0xff, 0xff, 0xff]));
    expect(refusalOf({ code: status.ABORTED, details: 'gone', metadata })).toMatchObject({
      code: status.ABORTED,
      message: 'gone',
      reason: '',
    });
  });

  test('durations go both ways', () => {
    for (const ms of [0, 1, 999, 1_000, 61_250]) expect(durationMs(durationOf(ms))).toBe(ms);
  });
});

describe('an error is told in one line', () => {
  test('with its reason, what is wrong and what to do', () => {
    const violations = [{ field: 'hello.time_zone', description: 'not an IANA zone' }];
    const refusal = new Refusal(status.INVALID_ARGUMENT, 'Refused.', { reason: 'TIME_ZONE_REFUSED', violations });
    expect(explain(refusal, address)).toBe(
      'TIME_ZONE_REFUSED: Refused. hello.time_zone: not an IANA zone — choose another zone with --time-zone.',
    );
  });

  test('when no server answers', () => {
    expect(explain(new Refusal(status.UNAVAILABLE, 'ECONNREFUSED'), address)).toContain(
      'No server answers at 127.0.0.1:50051.',
    );
  });

  test('for a message, without letting the terminal be moved', () => {
    expect(explain(new MessageRefused('id', 'EMPTY_MESSAGE', 'Say\n\u001b[2Jsomething.'), address)).toBe(
      'EMPTY_MESSAGE: Say ␛[2Jsomething.',
    );
  });

  test('but a defect is thrown on', () => {
    expect(() => explain(new TypeError('undefined is not a function'), address)).toThrow(TypeError);
  });
});
