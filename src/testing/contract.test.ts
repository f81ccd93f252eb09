import * as grpc from '@grpc/grpc-js';
import { expect, test } from '@jest/globals';
import { BadRequest, ErrorInfo, RetryInfo } from '../gen/google/rpc/error_details.ts';
import { Status } from '../gen/google/rpc/status.ts';
import { CallRefused, duration, durationMs } from './contract.ts';

const any = (type: string, bytes: Uint8Array) => ({
  typeUrl: `type.googleapis.com/google.rpc.${type}`,
  value: Buffer.from(bytes),
});

test("reads reason, metadata, delay and fields out of a status's details", () => {
  const metadata = new grpc.Metadata();
  const details = [
    any(
      'ErrorInfo',
      ErrorInfo.encode({ reason: 'NO', domain: 'parley', metadata: new Map([['allowed', '1']]) }).finish(),
    ),
    any('RetryInfo', RetryInfo.encode(RetryInfo.fromPartial({ retryDelay: { seconds: 1, nanos: 5e8 } })).finish()),
    any(
      'BadRequest',
      BadRequest.encode(BadRequest.fromPartial({ fieldViolations: [{ field: 'client_id' }] })).finish(),
    ),
  ];
  const bytes = Status.encode({ code: 3, message: 'no', details }).finish();
  metadata.set('grpc-status-details-bin', Buffer.from(bytes));
  const refused = new CallRefused({ code: grpc.status.INVALID_ARGUMENT, details: 'no', metadata });
  expect(refused).toMatchObject({
    code: 'INVALID_ARGUMENT',
    reason: 'NO',
    domain: 'parley',
    metadata: { allowed: '1' },
    retryDelayMs: 1_500,
    fields: ['client_id'],
  });
});

test('a status without details has no reason and no delay', () => {
  const refused = new CallRefused({ code: grpc.status.UNAVAILABLE, details: 'gone', metadata: new grpc.Metadata() });
  expect(refused).toMatchObject({ code: 'UNAVAILABLE', reason: '', retryDelayMs: undefined, fields: [] });
});

test('durations there and back, negative ones too', () => {
  for (const ms of [0, 1, 999, 1_500, -1_000]) expect(durationMs(duration(ms))).toBe(ms);
});
