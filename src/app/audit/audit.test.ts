import { expect, test } from '@jest/globals';
import type { LogRecord } from '../../ports/event-log.ts';
import {
  messageReceived,
  replyCompleted,
  replyProgress,
  replyStarted,
  workerClaimed,
} from '../../testing/conversation-events.ts';
import { eventCodec } from '../../testing/event-codec.ts';
import { PlainLog } from '../copying/testing/plain-log.ts';
import { Journal } from '../journal.ts';
import { auditLog } from './audit.ts';

/** A log to which somebody else writes whenever it is read. */
class GrowingLog extends PlainLog {
  #said = 0;

  say(): void {
    this.#said += 1;
    const { headers, value } = eventCodec.encode(messageReceived(`c${this.#said}/m`));
    this.put({ topic: 'test.conversations', partition: 0, key: `c${this.#said}`, headers, value, timeMs: this.#said });
  }

  override async read(...where: Parameters<PlainLog['read']>): Promise<readonly LogRecord[]> {
    this.say();
    return super.read(...where);
  }
}

test('a log that is written to meanwhile is audited up to where it ended at the beginning', async () => {
  const log = new GrowingLog({ 'test.connections': 1, 'test.conversations': 1 });
  for (let count = 0; count < 1_500; count += 1) log.say();
  const steps: [number, number][] = [];
  const onProgress = (done: number, total: number) => steps.push([done, total]);
  const report = await auditLog({ journal: new Journal(log, eventCodec, 'test'), onProgress });
  expect(report).toMatchObject({ records: 1_500, messages: { accepted: 1_500, pending: 1_500 }, breaches: [] });
  expect(steps).toEqual([
    [1_000, 1_500],
    [1_500, 1_500],
  ]);
});

test('a reply that does not go on from what the log has of its draft is a breach, unless it does not count', async () => {
  const log = new PlainLog({ 'test.connections': 1, 'test.conversations': 1 });
  const said = (text: string) => ({ parts: [{ kind: 'text', text }] }) as const;
  const events = [
    workerClaimed('a'),
    messageReceived('c/1'),
    replyStarted('c/1', 'a'),
    replyProgress('c/1', 'a', { offsetBytes: 0, text: 'Once ' }),
    workerClaimed('b'),
    replyCompleted('c/1', 'a', said('Something else')),
    replyStarted('c/1', 'b', 2, 6),
    replyCompleted('c/1', 'b', { ...said('Twice'), attempt: 2 }),
  ];
  for (const [timeMs, event] of events.entries())
    log.put({ topic: 'test.conversations', partition: 0, key: 'c', ...eventCodec.encode(event), timeMs });
  const { breaches } = await auditLog({ journal: new Journal(log, eventCodec, 'test') });
  expect(breaches.map(({ offset, what }) => [offset, what])).toEqual([
    [6, 'attempt 2 at c/1 goes on from 6 bytes, of which the log has 5'],
    [7, 'the reply to c/1 does not begin with what the log has of its draft'],
  ]);
});
