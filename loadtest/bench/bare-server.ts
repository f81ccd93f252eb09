/**
 * The limit of the embedded profile: what a message must cost on grpc-js and SQLite. The same frames, the same records in the log and the same rows of
 * read models as Parley's, by the generated code, in one synced transaction for all that arrived during the one before; none of the rules: no
 * admission, no limits, no folds, no partitions, no checksums, no repeats recognised. The data folder in the first argument.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as grpc from '@grpc/grpc-js';
import {
  type ChatRequest,
  type ChatResponse,
  ChatServiceService,
  type OutgoingMessage,
  type ServerEvent,
} from '../../src/gen/chat/v1/chat_service.ts';
import { Message, MessageStatus, Role } from '../../src/gen/chat/v1/content.ts';
import { MessageReceived, ReplyCompleted, ReplyStarted } from '../../src/gen/chat_events/v1/conversations.ts';

type Call = grpc.ServerDuplexStream<ChatRequest, ChatResponse>;

/** As long as most simulated replies. */
const reply = 'Good evening. That is a question worth asking; let me see what I can find out for you in Paris tonight.';
const words = (text: string) => [...new Set(text.toLowerCase().match(/[a-z0-9]+/g))].join(' ');

const database = new DatabaseSync(join(process.argv[2] ?? '.', 'bare.db'));
database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
  CREATE TABLE log (offset INTEGER PRIMARY KEY, event BLOB NOT NULL);
  CREATE TABLE messages (row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, conversation TEXT, sequence INTEGER, document TEXT);
  CREATE INDEX by_sequence ON messages (conversation, sequence);
  CREATE TABLE conversations (id TEXT PRIMARY KEY, document TEXT);
  CREATE VIRTUAL TABLE words USING fts5 (said, content = '', tokenize = 'ascii')`);
const insertRecord = database.prepare('INSERT INTO log (event) VALUES (?)');
const insertMessage = database.prepare(
  'INSERT INTO messages (id, conversation, sequence, document) VALUES (?, ?, ?, ?)',
);
const insertWords = database.prepare('INSERT INTO words (rowid, said) VALUES (?, ?)');
const putConversation = database.prepare('INSERT OR REPLACE INTO conversations VALUES (?, ?)');

interface Waiting {
  readonly call: Call;
  readonly conversationId: string;
  readonly message: OutgoingMessage;
}

let waiting: Waiting[] = [];

function take(one: Waiting): void {
  waiting.push(one);
  if (waiting.length === 1) setImmediate(writeAll);
}

/** One transaction for all that wait; then each gets its frames. */
function writeAll(): void {
  const batch = waiting;
  waiting = [];
  database.exec('BEGIN');
  const events = batch.map(write);
  database.exec('COMMIT');
  for (const [index, { call }] of batch.entries())
    for (const event of events[index] ?? []) call.write({ event: { event } });
}

function write({ conversationId, message }: Waiting): readonly NonNullable<ServerEvent['event']>[] {
  const { clientMessageId, parts } = message;
  const [text = ''] = parts.map(({ value }) => (value?.$case === 'text' ? value.value : ''));
  const [messageId, replyMessageId] = [randomUUID(), randomUUID()];
  const facts = { conversationId, messageId, clientMessageId, replyMessageId, attempt: 1, claimId: 'claim' };
  const said = { ...facts, clientId: conversationId, timeZone: 'Europe/Paris', parts: partOf(text) };
  const sequence = record(MessageReceived.encode(MessageReceived.fromPartial(said)).finish());
  record(ReplyStarted.encode(ReplyStarted.fromPartial(facts)).finish());
  const done = ReplyCompleted.fromPartial({ ...facts, parts: partOf(reply), model: 'bare' });
  const replySequence = record(ReplyCompleted.encode(done).finish());
  const createTime = new Date();
  const row = { ...facts, role: 'user', status: 'completed', createTime };
  store(messageId, conversationId, sequence, { ...row, sequence, parts: said.parts }, text);
  store(replyMessageId, conversationId, replySequence, { ...row, role: 'assistant', parts: done.parts }, reply);
  putConversation.run(conversationId, JSON.stringify({ conversationId, title: text, lastSequence: replySequence }));
  const answer = { messageId: replyMessageId, conversationId, replyToMessageId: messageId, parts: partOf(reply) };
  const shown = { role: Role.ASSISTANT, status: MessageStatus.COMPLETED, sequence: BigInt(replySequence), createTime };
  return [
    {
      $case: 'accepted',
      value: { clientMessageId, messageId, sequence: BigInt(sequence), createTime, duplicate: false, conversationId },
    },
    { $case: 'replyStarted', value: { messageId, replyMessageId, attempt: 1, continuedBytes: 0n } },
    { $case: 'replyDelta', value: { replyMessageId, attempt: 1, offsetBytes: 0n, text: reply } },
    { $case: 'message', value: Message.fromPartial({ ...answer, ...shown }) },
  ];
}

function partOf(text: string) {
  return [{ value: { $case: 'text' as const, value: text } }];
}

/** Returns its offset. */
function record(event: Uint8Array): number {
  return Number(insertRecord.run(event).lastInsertRowid);
}

function store(id: string, conversationId: string, sequence: number, document: object, text: string): void {
  const { lastInsertRowid } = insertMessage.run(id, conversationId, sequence, JSON.stringify(document));
  insertWords.run(lastInsertRowid, words(text));
}

function serve(call: Call): void {
  const conversationId = randomUUID();
  call.on('data', ({ frame }: ChatRequest) => {
    if (frame?.$case === 'message') take({ call, conversationId, message: frame.value });
    else if (frame?.$case !== 'hello') call.end();
    else
      call.write({
        event: { event: { $case: 'welcome', value: { sessionId: 's', resumeToken: 't', conversationId } } },
      });
  });
  call.on('end', () => call.end());
  call.on('error', () => {});
}

const server = new grpc.Server();
server.addService({ chat: ChatServiceService.chat } as grpc.ServiceDefinition, { chat: serve });
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  console.log(`127.0.0.1:${port}`);
});
