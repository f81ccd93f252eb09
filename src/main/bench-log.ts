/**
 * What `npm run bench` needs of the log itself: its bare speed, and logs with much in them.
 *
 *     node src/main/bench-log.ts append <folder> <appenders> <milliseconds>
 *     node src/main/bench-log.ts fill <folder> <messages>
 */
import { parseArgs } from 'node:util';
import { nodeCryptoIds } from '../adapters/node/node-crypto-ids.ts';
import { openSqliteLog } from '../adapters/sqlite/event-log/sqlite-log.ts';
import { topicsOf } from '../app/journal.ts';
import type { ConversationEvent } from '../domain/conversation/events.ts';
import type { Appended, EventLog, NewRecord } from '../ports/event-log.ts';
import { eventCodec } from './event-codec.ts';

const partitions = 10;
const topics = topicsOf('parley');
const ids = nodeCryptoIds;
/** Records of one transaction while filling: large enough that syncs do not count. */
const fillBatch = 2_000;
/** Messages of all but one conversation of a filled log, questions and answers. */
const messagesPerConversation = 100;
/** That one holds this part of all messages. */
const largeShare = 0.1;
const conversationsPerClient = 10;
const question = 'Where does the night train to Lisbon stop?';
const answer =
  'It stops at every station that has a name, and at one that has none. Shall I list those in your time zone first?';

function openLog(dataDir: string) {
  return openSqliteLog({
    mode: 'write',
    dataDir,
    topics: { [topics.connections]: 1, [topics.conversations]: partitions },
  });
}

function record(conversationId: string, event: ConversationEvent): NewRecord {
  const partition = ids.partition(conversationId, partitions);
  return { topic: topics.conversations, partition, key: conversationId, ...eventCodec.encode(event) };
}

function received(
  conversationId: string,
  clientId: string,
  clientMessageId: string,
): ConversationEvent & { type: 'MessageReceived' } {
  const messageId = ids.messageId(conversationId, clientMessageId);
  const parts = [{ kind: 'text', text: question }] as const;
  return {
    type: 'MessageReceived',
    messageId,
    conversationId,
    clientId,
    clientMessageId,
    parts,
    timeZone: 'Europe/Lisbon',
  };
}

/** One event after the other by each appender, each synced before the next. */
async function append(dataDir: string, appenders: number, milliseconds: number): Promise<object> {
  await using log = await openLog(dataDir);
  const times: number[] = [];
  const begun = performance.now();
  const one = async () => {
    const conversationId = ids.unique();
    for (let count = 0; performance.now() - begun < milliseconds; count += 1) {
      const at = performance.now();
      await log.append([record(conversationId, received(conversationId, 'bench', String(count)))]);
      times.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: appenders }, one));
  const seconds = (performance.now() - begun) / 1000;
  const sorted = Float64Array.from(times).sort();
  const rank = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
  const appendMs = { count: sorted.length, p50: rank(0.5), p90: rank(0.9), p99: rank(0.99), max: rank(1) };
  return { appendMs, eventsPerSecond: sorted.length / seconds };
}

/** Everything that one conversation of so many messages leaves in the log. */
function* conversation(
  conversationId: string,
  clientId: string,
  messages: number,
  claims: readonly string[],
): Generator<NewRecord> {
  const claimId = claims[ids.partition(conversationId, partitions)] ?? '';
  yield record(conversationId, { type: 'ConversationStarted', conversationId, clientId });
  for (let exchange = 0; exchange < messages / 2; exchange += 1) {
    const asked = received(conversationId, clientId, `m${exchange}`);
    const { messageId } = asked;
    const attempt = { conversationId, messageId, replyMessageId: ids.replyMessageId(messageId), attempt: 1, claimId };
    yield record(conversationId, asked);
    yield record(conversationId, { type: 'ReplyStarted', ...attempt, continuedBytes: 0 });
    const parts = [{ kind: 'text', text: answer }] as const;
    yield record(conversationId, {
      type: 'ReplyCompleted',
      ...attempt,
      parts,
      model: 'simulated',
      outcome: 'completed',
    });
  }
}

function* everything(messages: number, large: string): Generator<NewRecord> {
  const claims = Array.from({ length: partitions }, () => ids.unique());
  for (const [partition, claimId] of claims.entries()) {
    const claimed = { type: 'WorkerClaimed', partition, workerId: 'bench', claimId, maxProcessing: 50 } as const;
    yield { topic: topics.conversations, partition, key: '', ...eventCodec.encode(claimed) };
  }
  yield* conversation(large, 'bench-large', messages * largeShare, claims);
  for (let count = 0; count < (messages * (1 - largeShare)) / messagesPerConversation; count += 1) {
    yield* conversation(
      ids.unique(),
      `bench-${Math.floor(count / conversationsPerClient)}`,
      messagesPerConversation,
      claims,
    );
  }
}

/** The last message of each partition that was written: whoever has these has all. */
class Ends {
  readonly #byPartition = new Map<number, { conversationId: string; sequence: number }>();

  note(records: readonly NewRecord[], appended: readonly Appended[]): void {
    for (const [index, { partition, offset }] of appended.entries()) {
      const conversationId = records[index]?.key ?? '';
      if (conversationId !== '') this.#byPartition.set(partition, { conversationId, sequence: offset });
    }
  }

  get all() {
    return [...this.#byPartition.values()];
  }
}

async function fill(dataDir: string, messages: number): Promise<object> {
  await using log: EventLog = await openLog(dataDir);
  const conversationId = ids.unique();
  const ends = new Ends();
  let events = 0;
  let batch: NewRecord[] = [];
  const flush = async () => {
    events += batch.length;
    ends.note(batch, await log.append(batch));
    batch = [];
  };
  for (const next of everything(messages, conversationId)) {
    if (batch.push(next) === fillBatch) await flush();
  }
  await flush();
  return { events, conversationId, ends: ends.all };
}

const [command, dataDir = '', ...numbers] = parseArgs({ allowPositionals: true }).positionals;
const [first = 0, second = 0] = numbers.map(Number);
console.log(JSON.stringify(command === 'fill' ? await fill(dataDir, first) : await append(dataDir, first, second)));
