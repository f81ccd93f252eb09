import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { type Session, shapes } from '../testing/black-box-client.ts';
import { call, clientOf, type Dynamic, hangUp } from '../testing/contract.ts';
import { conversationEntries, type Entry, processingOf } from '../testing/log-oracle.ts';
import { type ParleyServer, runParley, startServer } from '../testing/server.ts';
import { eventually, TestSessions } from '../testing/test-sessions.ts';

jest.setTimeout(300_000);

const loudClients = 100;
const modestClients = 10;
/** One message of a conversation at a time: only with some hundred conversations a partition does its limit of 50 bind. */
const conversationsEach = 10;
const messagesPerConversation = 2;
const maxPerPartition = 50;
/** A client that speaks once may find that each other one has its turn before it, and one start that was already under way. */
const turnsBefore = 2;

let server: ParleyServer;

beforeAll(async () => {
  server = await startServer({
    env: {
      PARLEY_MAX_CLIENTS: String(loudClients + modestClients),
      PARLEY_MAX_PENDING_PER_CLIENT: String(conversationsEach * messagesPerConversation),
      PARLEY_SIMULATED_TEXT_DELAY_MS: '2000-3000',
      PARLEY_SIMULATED_PIECES: '0',
    },
  });
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

/** Says everything at once, over all its conversations; the ids of what was accepted. */
async function flood(session: Session): Promise<string[]> {
  const accepted: string[] = [];
  for (let conversation = 0; conversation < conversationsEach; conversation += 1) {
    if (conversation > 0) await session.join('');
    const texts = Array.from({ length: messagesPerConversation }, (_, index) => `${conversation}.${index}`);
    const answers = await Promise.all(texts.map((text) => session.text(text)));
    accepted.push(...answers.map(({ messageId }) => messageId));
  }
  return accepted;
}

/** Conversations whose messages were begun out of order, or before the one before had ended. */
function disorder(entries: readonly Entry[]): string[] {
  const waiting = new Map<string, string[]>();
  const breaches: string[] = [];
  for (const { offset, event } of entries) {
    if (event.type === 'MessageReceived')
      waiting.set(event.conversationId, [...(waiting.get(event.conversationId) ?? []), event.messageId]);
    if (event.type === 'ReplyStarted' && waiting.get(event.conversationId)?.[0] !== event.messageId)
      breaches.push(`began ${event.messageId} at ${offset}`);
    if (event.type === 'ReplyCompleted') waiting.get(event.conversationId)?.shift();
  }
  return breaches;
}

/** For each message of the clients: how many starts the most favoured other client had between its arrival and its start. */
function startsBefore(entries: readonly Entry[], clientIds: ReadonlySet<string>): number[] {
  const clientOf = new Map<string, string>();
  const counts: number[] = [];
  for (const [index, { event }] of entries.entries()) {
    if (event.type !== 'MessageReceived') continue;
    clientOf.set(event.messageId, event.clientId);
    if (!clientIds.has(event.clientId)) continue;
    const later = entries.slice(index).map((entry) => entry.event);
    const begun = later.findIndex((other) => other.type === 'ReplyStarted' && other.messageId === event.messageId);
    const starts = later.slice(0, begun).filter((other) => other.type === 'ReplyStarted');
    const byClient = Map.groupBy(starts, (start) => clientOf.get(start.messageId));
    counts.push(Math.max(0, ...[...byClient.values()].map((group) => group.length)));
  }
  return counts;
}

test(`${loudClients} clients with 20 messages each: limits bind and hold, order holds, whoever says one thing is not held up`, async () => {
  await using testSessions = new TestSessions(server, shapes[0]);
  const loud = await Promise.all(Array.from({ length: loudClients }, () => testSessions.connect()));
  const modest = await Promise.all(Array.from({ length: modestClients }, () => testSessions.connect()));
  const accepted = (await Promise.all(loud.map(({ session }) => flood(session)))).flat();
  const asked = await Promise.all(modest.map(({ session }) => session.text('Only this')));
  await Promise.all(modest.map(({ session }, index) => session.reply(asked[index].messageId, 60_000)));
  const total = accepted.length + asked.length;
  expect(total).toBe(loudClients * conversationsEach * messagesPerConversation + modestClients);
  await everythingAnswered();

  expect(await server.stop('SIGTERM')).toEqual({ code: 0, signal: null });
  const partitions = await conversationEntries(server.dataDir);
  const processing = processingOf(partitions);
  expect(processing).toMatchObject({ breaches: [], messages: total, ended: total, attempts: total, lostAttempts: 0 });
  expect(Math.max(...processing.peaks)).toBe(maxPerPartition);
  expect(partitions.flatMap(disorder)).toEqual([]);
  const once = new Set(modest.map(({ clientId }) => clientId));
  const favoured = partitions.flatMap((entries) => startsBefore(entries, once));
  expect(favoured).toHaveLength(modestClients);
  expect(Math.max(...favoured)).toBeLessThanOrEqual(turnsBefore);
  expect(await runParley(['audit', '--json'], { PARLEY_DATA_DIR: server.dataDir })).toMatchObject({ code: 0 });
  console.info(
    `in processing at most: ${processing.peaks.join(' ')}; starts of the most favoured client before a modest one: ${favoured.join(' ')}`,
  );
});

async function everythingAnswered(): Promise<void> {
  const operations = clientOf('chat.v1.OperationsService', server.address);
  const idle = (usage: Dynamic) => usage.processing === 0 && usage.queued === 0;
  await eventually(() => call(operations, 'GetUsage', {}), idle, 120_000);
  hangUp(operations);
}
