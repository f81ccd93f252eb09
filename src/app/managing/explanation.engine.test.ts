import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { makeTopics, openOn, type TestTopics } from '../../adapters/kafka/event-log/testing/logs.ts';
import { nodeCryptoIds } from '../../adapters/node/node-crypto-ids.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import type { ConversationEvent } from '../../domain/conversation/events.ts';
import type { EventLog } from '../../ports/event-log.ts';
import type { History, HistoryMessage, HistoryProgress } from '../../ports/history.ts';
import {
  messageReceived,
  replyCompleted,
  replyStarted,
  stopRequested,
  workerClaimed,
} from '../../testing/conversation-events.ts';
import { type KafkaEngine, startKafka } from '../../testing/engines/kafka.ts';
import { eventCodec } from '../../testing/event-codec.ts';
import { anybody } from '../caller.ts';
import { Conversations } from '../gateway/conversations.ts';
import { Journal } from '../journal.ts';
import { Explanation } from './explanation.ts';

/** As far back as a claim is looked for, so that all of it must be read. */
const recordsBefore = 105_000;
const recordsAfter = 12_000;
const batch = 1_000;

/** What somebody still waits for; a busy machine is given ten times of what it takes. */
const longestMs = 30_000;

let kafka: KafkaEngine;
let topics: TestTopics;
let log: EventLog;
beforeAll(async () => {
  kafka = await startKafka({ external: 'allowed' });
  topics = await makeTopics(kafka.brokers, 1);
  log = await openOn(topics);
});
afterAll(async () => {
  await log?.[Symbol.asyncDispose]();
  await kafka?.[Symbol.asyncDispose]();
});

/** A journal of one partition under the names of this test. */
function journalOn(on: EventLog): Journal {
  const journal = new Journal(on, eventCodec, 'test');
  return Object.assign(journal, { topics: { connections: topics.topic, conversations: topics.topic } });
}

async function append(journal: Journal, conversationId: string, events: readonly ConversationEvent[]): Promise<number> {
  const places = await journal.appendConversation(0, conversationId, events);
  return places.at(-1)?.offset ?? -1;
}

async function appendOthers(journal: Journal, count: number): Promise<void> {
  for (let done = 0; done < count; done += batch)
    await append(
      journal,
      'x',
      Array.from({ length: batch }, (_, index) => stopRequested(`x/${done + index}`)),
    );
}

test('a message far behind in a long partition is explained, with the claim that was in force', async () => {
  const written = journalOn(log);
  await appendOthers(written, batch);
  await append(written, '', [workerClaimed('old claim')]);
  await appendOthers(written, recordsBefore - batch - 10_000);
  const message = messageReceived('c/1');
  const sequence = await append(written, 'c', [message]);
  await append(written, 'c', [replyStarted('c/1', 'old claim'), replyCompleted('c/1', 'old claim')]);
  await appendOthers(written, recordsAfter);

  const said = { ...message, sequence, role: 'user', replyToMessageId: '' } as unknown as HistoryMessage;
  const history: Pick<History, 'getConversation' | 'conversationStatus' | 'getMessage'> = {
    getConversation: async (conversationId) => ({ conversationId, clientId: 'client' }) as never,
    conversationStatus: async () => 'present',
    getMessage: async () => said,
  };
  const progress: HistoryProgress = {
    checkpoint: () => Number.MAX_SAFE_INTEGER,
    reached: async () => true,
    whole: async (_upTo, _timeoutMs, ask) => ({ answer: await ask() }),
  };
  // As another process, which has nothing of it in memory.
  await using reader = await openOn(topics, { mode: 'read' });
  const journal = journalOn(reader);
  const conversations = new Conversations({ journal, history, progress, ids: nodeCryptoIds });
  const deps = { journal, history, conversations, clock: systemClock, maxProcessingPerConversation: 1 };
  const beganMs = performance.now();
  const steps = await new Explanation(deps).explain(anybody, 'c/1');
  const tookMs = performance.now() - beganMs;
  process.stdout.write(`explained over ${recordsBefore + recordsAfter} records in ${Math.round(tookMs)} ms\n`);
  expect(steps.map(({ event }) => event)).toEqual(['MessageReceived', 'ReplyStarted', 'ReplyCompleted']);
  expect(steps.map(({ detail }) => detail).join()).toContain('worker of old claim');
  expect(tookMs).toBeLessThan(longestMs);
});
