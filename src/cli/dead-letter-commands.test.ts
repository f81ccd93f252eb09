import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from '@jest/globals';
import { ParkedKind, ParkedSchema } from '../client/gen/chat/v1/operations_service_pb.js';
import { deadLetterTable, wishOf } from './dead-letter-commands.ts';

describe('the list of what is parked', () => {
  test('has first what to say to replay it, and shows nothing unprintable', () => {
    const parked = [
      {
        kind: ParkedKind.POISON,
        place: { topic: 'parley.conversations', partition: 3, offset: 9n },
        time: timestampFromDate(new Date('2026-11-22T06:30:12Z')),
        reason: '3 workers were lost\u001b[2J answering it.',
        messageId: 'm1',
        replayTime: timestampFromDate(new Date('2026-11-22T06:31:00Z')),
      },
      {
        kind: ParkedKind.UNDECODABLE,
        place: { topic: 'parley.conversations', partition: 3, offset: 8n },
        time: timestampFromDate(new Date('2026-11-22T06:29:00Z')),
        reason: 'MessageReceived without messageId',
      },
    ].map((one) => create(ParkedSchema, one));
    expect(deadLetterTable(parked, 'Asia/Tokyo')).toBe(
      [
        'what                      kind         since                replayed             reason',
        'm1                        poison       2026-11-22 15:30:12  2026-11-22 15:31:00  3 workers were lost␛[2J answering it.',
        'parley.conversations/3/8  undecodable  2026-11-22 15:29:00                       MessageReceived without messageId',
        '',
      ].join('\n'),
    );
  });
});

describe('what is to be replayed', () => {
  test('is a place when it looks like one, and else a message', () => {
    const place = { topic: 'parley.conversations', partition: 3, offset: 12_345n };
    expect(wishOf('parley.conversations/3/12345')).toEqual({ case: 'place', value: place });
    for (const messageId of ['Yxpxm2rZjVz9eXZh6uGyvq', 'parley.conversations/3', 'a/b/c', '/1/2'])
      expect(wishOf(messageId)).toEqual({ case: 'messageId', value: messageId });
  });
});
