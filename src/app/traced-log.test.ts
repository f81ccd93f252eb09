import { beforeEach, describe, expect, test } from '@jest/globals';
import type { EventLog } from '../ports/event-log.ts';
import { messageReceived, replyStarted } from '../testing/conversation-events.ts';
import { eventCodec } from '../testing/event-codec.ts';
import { FaultyLog } from '../testing/faulty-log.ts';
import { MemoryLogServer } from '../testing/memory/event-log/memory-log.ts';
import { RecordedTracer } from '../testing/recorded-tracer.ts';
import { Journal } from './journal.ts';
import { tracedLog } from './traced-log.ts';

const topic = 'test.conversations';
const trace = { traceparent: 'received' };

let log: FaultyLog;
let tracer: RecordedTracer;
let journal: Journal;

beforeEach(() => {
  log = new FaultyLog(new MemoryLogServer({ 'test.connections': 1, [topic]: 1 }, () => 0).handle());
  tracer = new RecordedTracer();
  journal = newJournal(tracedLog(log, tracer));
});

function newJournal(on: EventLog): Journal {
  return new Journal(on, eventCodec, 'test');
}

async function loggedTraces(): Promise<readonly unknown[]> {
  return (await log.read(topic, 0, 0, 10)).map(({ headers }) => headers['traceparent']);
}

describe('an append that is a step of a trace', () => {
  test('is a span, which its records name and which says where the last of them stands', async () => {
    await journal.appendConversation(0, 'c', [messageReceived('c/1'), replyStarted('c/1', '')], trace);
    const step = { type: 'append', topic, partition: 0, key: 'c', event: 'ReplyStarted', messageId: 'c/1' };
    expect(tracer.ended).toEqual([{ step, parent: 'received', traceparent: 'span-1', outcome: { offset: 1 } }]);
    expect(await loggedTraces()).toEqual(['span-1', 'span-1']);
    expect((await journal.read(topic, 0, 0, 10)).map((entry) => entry.trace)).toMatchObject([
      { traceparent: 'span-1' },
      { traceparent: 'span-1' },
    ]);
  });

  test('says so when the log did not take it', async () => {
    log.appendFault = () => 'refused';
    await expect(journal.appendConversation(0, 'c', [messageReceived('c/1')], trace)).rejects.toThrow('refused');
    expect([tracer.open, tracer.ended]).toMatchObject([0, [{ outcome: { error: 'LOG_UNAVAILABLE' } }]]);
  });
});

test('an append that is no step of a trace leaves no span, and no mark in the log', async () => {
  await journal.appendConversation(0, 'c', [messageReceived('c/1')]);
  tracer.start = () => undefined;
  await journal.appendConversation(0, 'c', [messageReceived('c/2')], trace);
  expect(tracedLog(log, undefined)).toBe(log);
  await newJournal(tracedLog(log, undefined)).appendConversation(0, 'c', [messageReceived('c/3')], trace);
  expect([tracer.ended, await loggedTraces()]).toEqual([[], [undefined, undefined, undefined]]);
});
