import { create } from '@bufbuild/protobuf';
import { type Timestamp, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from '@jest/globals';
import { MessageStepSchema } from '../client/gen/chat/v1/operations_service_pb.js';
import { timeline } from './explain-command.ts';

describe('a timeline', () => {
  test('counts from the first step, in columns, and shows nothing unprintable', () => {
    const at = (ms: number): Timestamp => timestampFromMs(Date.UTC(2026, 10, 22, 6, 30, 12) + ms);
    const steps = [
      { time: at(0), event: 'MessageReceived', detail: 'by ann, 1 text of 5 bytes' },
      { time: at(12), event: 'ReplyStarted', detail: 'attempt 1 by worker\u001b[2J a' },
      { time: at(3_250), event: 'ReplyCompleted', detail: 'in all 3.3 s' },
    ].map((step) => create(MessageStepSchema, step));
    expect(timeline(steps, 'Asia/Tokyo')).toBe(
      [
        '2026-11-22 15:30:12',
        ' +0 ms  MessageReceived  by ann, 1 text of 5 bytes',
        '+12 ms  ReplyStarted     attempt 1 by worker␛[2J a',
        '+3.3 s  ReplyCompleted   in all 3.3 s',
        '',
      ].join('\n'),
    );
  });
});
