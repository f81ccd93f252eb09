import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { describe, expect, test } from '@jest/globals';
import { catalogue } from '../domain/errors/catalogue.ts';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from './gen/google/rpc/error_details_pb.js';
import { type Reason, reasons } from './reasons.ts';
import { isRefusal, MessageRefused, Refusal, type RefusalFor, refusalOf } from './refusal.ts';

describe('a refusal', () => {
  test('is read with reason, delay and fields', () => {
    const details = [
      { desc: ErrorInfoSchema, value: create(ErrorInfoSchema, { reason: 'FRAME_INVALID', domain: 'parley' }) },
      { desc: RetryInfoSchema, value: create(RetryInfoSchema, { retryDelay: durationFromMs(1_250) }) },
      {
        desc: BadRequestSchema,
        value: create(BadRequestSchema, {
          fieldViolations: [{ field: 'hello.time_zone', description: 'is wrong' }],
        }),
      },
    ];
    expect(refusalOf(new ConnectError('No.', Code.InvalidArgument, undefined, details))).toMatchObject({
      code: Code.InvalidArgument,
      codeName: 'INVALID_ARGUMENT',
      reason: 'FRAME_INVALID',
      message: 'No.',
      retryDelayMs: 1_250,
      violations: [{ field: 'hello.time_zone', description: 'is wrong' }],
    });
  });

  test('without details is what the transport says', () => {
    expect(refusalOf(new ConnectError('not here', Code.Unimplemented))).toMatchObject({
      code: Code.Unimplemented,
      reason: '',
      message: 'not here',
      retryDelayMs: undefined,
      violations: [],
    });
  });

  test('of a connection that broke is UNAVAILABLE, whatever the transport calls it', () => {
    const reset = new ConnectError('http/2 stream closed with error code CANCEL (0x8)', Code.Canceled);
    const broken = ConnectError.from(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }), Code.Aborted);
    for (const error of [reset, broken])
      expect(refusalOf(error)).toMatchObject({ codeName: 'UNAVAILABLE', reason: '' });
  });

  test('has the code names of gRPC', () => {
    const names = [Code.Canceled, Code.ResourceExhausted, Code.Unknown].map((code) => new Refusal(code, '').codeName);
    expect(names).toEqual(['CANCELLED', 'RESOURCE_EXHAUSTED', 'UNKNOWN']);
  });
});

describe('a reason', () => {
  test('of the catalogue is known, with its code; there are no others', () => {
    const known = Object.entries(catalogue).map(([reason, { code, retryable }]) => [
      reason,
      new Refusal(reasons[reason as Reason].code, '').codeName,
      reasons[reason as Reason].retryable,
      { code, retryable },
    ]);
    expect(known).toEqual(
      Object.entries(catalogue).map(([reason, { code, retryable }]) => [reason, code, retryable, { code, retryable }]),
    );
    expect(Object.keys(reasons)).toEqual(Object.keys(catalogue));
  });

  test('is narrowed to by name, for the compiler as well', () => {
    const error: unknown = new MessageRefused('id', 'TOO_MANY_PENDING', 'Ten wait.');
    if (!isRefusal(error, 'TOO_MANY_PENDING', 'TEXT_TOO_LONG')) throw new Error('It is one of the two.');
    const narrowed: RefusalFor<'TOO_MANY_PENDING' | 'TEXT_TOO_LONG'> = error;
    const reason: 'TOO_MANY_PENDING' | 'TEXT_TOO_LONG' = narrowed.reason;
    expect(reason).toBe('TOO_MANY_PENDING');
    expect(isRefusal(error, 'STALE')).toBe(false);
    // Every reason has a type of its own, and only those of the catalogue.
    const all: readonly Reason[] = Object.keys(catalogue) as (keyof typeof catalogue)[];
    expect(all.filter((one) => !isRefusal(new Refusal(Code.Unknown, '', { reason: one }), one))).toEqual([]);
    // @ts-expect-error there is no such reason
    expect(isRefusal(error, 'OUT_OF_TEA')).toBe(false);
  });

  test('of a newer server is kept as it is', () => {
    const refusal = new Refusal(Code.ResourceExhausted, '', { reason: 'OUT_OF_TEA' });
    expect([refusal.reason, refusal.knownReason]).toEqual(['OUT_OF_TEA', undefined]);
    expect(new MessageRefused('id', 'constructor', '').code).toBe(Code.Unknown);
    expect(isRefusal(refusal)).toBe(true);
    expect(isRefusal(new Error('OUT_OF_TEA'))).toBe(false);
  });
});
