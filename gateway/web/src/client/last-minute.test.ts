import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from '@jest/globals';
import { GatewayCountsSchema } from '../../../../src/client/gen/chat/v1/operations_service_pb.js';
import { LastMinutes } from './last-minute.ts';

function counts(gatewayId: string, startMs: number, accepted: number, refused = 0) {
  return create(GatewayCountsSchema, {
    gatewayId,
    startTime: timestampFromMs(startMs),
    acceptedMessages: BigInt(accepted),
    endedMessages: BigInt(accepted),
    refusals: refused === 0 ? [] : [{ reason: 'TOO_MANY_MESSAGES', count: BigInt(refused) }],
  });
}

test('counts from the last answer before the minute, gateway by gateway, and anew after a restart', () => {
  const minutes = new LastMinutes();
  const none = { accepted: 0, ended: 0, refusals: new Map() };
  // What was counted before somebody looked is of no minute.
  expect(minutes.add(0, counts('a', 1, 100, 7))).toEqual(none);
  expect(minutes.add(2_000, counts('b', 1, 5_000))).toEqual(none);
  expect(minutes.add(30_000, counts('a', 1, 110, 9))).toEqual({
    accepted: 10,
    ended: 10,
    refusals: new Map([['TOO_MANY_MESSAGES', 2]]),
  });
  expect(minutes.add(40_000, counts('b', 1, 5_003))).toMatchObject({ accepted: 13 });
  // `a` was restarted: it counts from 0 again.
  expect(minutes.add(50_000, counts('a', 49_000, 2))).toMatchObject({ accepted: 13 });
  expect(minutes.add(55_000, counts('a', 49_000, 4, 1))).toMatchObject({
    accepted: 15,
    refusals: new Map([['TOO_MANY_MESSAGES', 3]]),
  });
  // Of what `b` counted in 90 s two thirds.
  expect(minutes.add(92_000, counts('b', 1, 5_003))).toMatchObject({
    accepted: 4,
    refusals: new Map([['TOO_MANY_MESSAGES', 1]]),
  });
  expect(minutes.add(200_000, undefined)).toEqual(none);
});
