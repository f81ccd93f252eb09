/**
 * What docs/capacity.md needs to know of bytes: of events as Kafka stores them, of documents as MongoDB does, and of the keys of words in a process.
 * Printed as one line of JSON.
 *
 *     node src/main/bench-sizes.ts
 */
import { BSON } from 'mongodb';
import { projectAdmission } from '../../projections/active-connections/project.ts';
import { type MessageDocument, wordsSaid } from '../../projections/history/document.ts';
import { projectConversation, projectMessage, projectReply } from '../../projections/history/project.ts';
import { encodeBatch } from '../adapters/event-log/kafka/record-batch.ts';
import { makeDataKey, seal } from '../adapters/event-log/kafka/sealing.ts';
import { nodeCryptoIds as ids } from '../adapters/ids/node-crypto/node-crypto-ids.ts';
import type { AdmissionEvent, ConnectionRequested } from '../domain/admission/events.ts';
import type { ConversationEvent, MessageReceived, ReplyCompleted } from '../domain/conversation/events.ts';
import type { ParleyEvent } from '../ports/event-codec.ts';
import { collectedHeapBytes } from './bench-heap.ts';
import { eventCodec } from './event-codec.ts';

const conversationId = ids.unique();
const clientId = 'alice@example.org';
const sessionId = ids.unique();
const gatewayId = ids.unique();
const claimId = ids.unique();
const timeZone = 'Europe/Lisbon';
const clientMessageId = ids.unique();
const messageId = ids.messageId(conversationId, clientMessageId);
const attempt = { conversationId, messageId, replyMessageId: ids.replyMessageId(messageId), attempt: 1, claimId };
const nobody = { producerId: 1n, producerEpoch: 0, firstSequence: 0 };
const nowMs = 1_750_000_000_000;

/** No word twice, so that search has as many as it can: letters of five, and a space. */
function textOfBytes(bytes: number): string {
  const letters = (index: number) =>
    index
      .toString(26)
      .padStart(5, '0')
      .replace(/\d/g, (digit) => 'qrstuvwxyz'[+digit] ?? '');
  return Array.from({ length: bytes / 6 }, (_, index) => `${letters(index * 7_919)} `).join('');
}

function received(text: string): MessageReceived {
  const parts = [{ kind: 'text', text }] as const;
  return { type: 'MessageReceived', messageId, conversationId, clientId, clientMessageId, parts, timeZone };
}

function completed(text: string): ReplyCompleted {
  const parts = [{ kind: 'text', text }] as const;
  return { type: 'ReplyCompleted', ...attempt, parts, model: 'a-model-of-somebody', outcome: 'completed' };
}

const requested: ConnectionRequested = {
  type: 'ConnectionRequested',
  sessionId,
  clientId,
  gatewayId,
  timeZone,
  conversationId,
  tokenHash: ids.hash(ids.token()),
  resumeTokenHash: '',
  waitMs: 0,
};

const beat = (count: number): AdmissionEvent => ({
  type: 'GatewayBeat',
  gatewayId,
  active: Array.from({ length: count }, () => ({ sessionId: ids.unique(), conversationId: ids.unique() })),
});

/** In a batch with others; its words encrypted, as they are stored. */
function recordBytes(event: ParleyEvent, key: string): number {
  const encoded = eventCodec.encode(event);
  const facts = eventCodec.withoutWords(encoded);
  const record = { topic: '', partition: 0, key, ...encoded };
  const stored = facts === undefined ? record : seal(record, facts.length, makeDataKey());
  return encodeBatch([stored], nobody, nowMs).length - batchBytes;
}

const batchBytes = encodeBatch([], nobody, nowMs).length;

const ofConversation: Readonly<Record<string, ConversationEvent>> = {
  ConversationStarted: { type: 'ConversationStarted', conversationId, clientId },
  MessageReceived: received(''),
  ReplyStarted: { type: 'ReplyStarted', ...attempt, continuedBytes: 0 },
  ReplyProgress: { type: 'ReplyProgress', ...attempt, offsetBytes: 2_048, text: '' },
  ReplyCompleted: completed(''),
};

const ofConnection: Readonly<Record<string, AdmissionEvent>> = {
  ConnectionRequested: requested,
  ConnectionSpoke: { type: 'ConnectionSpoke', sessionId },
  ConnectionClosed: { type: 'ConnectionClosed', sessionId, reason: 'GOODBYE', detail: '' },
  GatewayBeat: beat(0),
};

function records() {
  const sizes = (events: Readonly<Record<string, ParleyEvent>>, key: string) =>
    Object.fromEntries(Object.entries(events).map(([name, event]) => [name, recordBytes(event, key)]));
  const { id, bytes: value } = makeDataKey();
  return {
    batchBytes,
    recordBytes: { ...sizes(ofConversation, conversationId), ...sizes(ofConnection, '') },
    activeSessionBytes: (recordBytes(beat(1_000), '') - recordBytes(beat(0), '')) / 1_000,
    dataKeyBytes: encodeBatch([{ key: id, value, headers: {} }], nobody, nowMs).length - batchBytes,
  };
}

/** A row as the store keeps it, with its words for search. */
function rowBytes(id: string, document: object | null, tokens: readonly string[]): number {
  return BSON.calculateObjectSize({ _id: id, offset: 1_000_000, document, ...(tokens.length > 0 && { tokens }) });
}

/** Both messages of an exchange and their conversation, as history has them in the end, and how many of these each event changes. */
function documentsOf(text: string) {
  let message: MessageDocument | null = null;
  let conversation = projectConversation(
    null,
    ofConversation['ConversationStarted'] as ConversationEvent,
    { offset: 0, timeMs: nowMs },
    null,
  );
  let reply: MessageDocument | null = null;
  let writes = 0;
  const events = [received(text), ofConversation['ReplyStarted'] as ConversationEvent, completed(text)];
  for (const [index, event] of events.entries()) {
    const at = { offset: 1_000_000 + index, timeMs: nowMs + index };
    const before: readonly unknown[] = [message, conversation, reply];
    message = projectMessage(message, event, at, claimId);
    conversation = projectConversation(conversation, event, at, message);
    if (event.type === 'ReplyCompleted') reply = projectReply(message, event, at);
    writes += [message, conversation, reply].filter((document, place) => document !== before[place]).length;
  }
  if (message === null || reply === null) throw new Error('an exchange that leaves no messages in history');
  const bytes = (document: MessageDocument) => rowBytes(document.messageId, document, wordsSaid(document));
  return {
    message: bytes(message),
    reply: bytes(reply),
    conversation: rowBytes(conversationId, conversation, []),
    writes,
  };
}

function documents() {
  const textBytes = 6_000;
  const [empty, long] = [documentsOf(''), documentsOf(textOfBytes(textBytes))];
  return {
    messageBytes: empty.message,
    replyBytes: empty.reply,
    conversationBytes: empty.conversation,
    bytesPerTextByte: (long.reply - empty.reply) / textBytes,
    writesPerExchange: empty.writes,
    admissionBytesPerSession: (admissionBytes(2_000) - admissionBytes(1_000)) / 1_000,
  };
}

/** The one document of the read model of connections. */
function admissionBytes(sessions: number): number {
  const limits = { maxClients: sessions, maxWaitingClients: 0, gatewayLeaseMs: 15_000, firstMessageDeadlineMs: 60_000 };
  const events: AdmissionEvent[] = [{ type: 'GatewayStarted', gatewayId, limits }];
  for (let count = 0; count < sessions; count += 1) {
    events.push({ ...requested, sessionId: ids.unique(), clientId: `alice-${1_000_000 + count}@example.org` });
  }
  const placed = events.map((event, offset) => ({ event, offset, timeMs: nowMs }));
  return BSON.calculateObjectSize({ ...projectAdmission(null, placed) });
}

/** Each process holds all keys that there are, as the key ring of the log on Kafka does. */
function keyMemoryBytes(): number {
  const count = 200_000;
  const before = collectedHeapBytes();
  const ring = new Map<string, string>();
  for (let made = 0; made < count; made += 1) {
    const { id, bytes } = makeDataKey();
    ring.set(id, bytes.toString('latin1'));
  }
  return Math.round((collectedHeapBytes() - before) / ring.size);
}

console.log(JSON.stringify({ ...records(), ...documents(), keyMemoryBytes: keyMemoryBytes() }));
