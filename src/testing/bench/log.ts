/**
 * What `npm run bench` needs of the log itself: its bare speed, and logs with much in them.
 *
 *     node src/testing/bench/log.ts append <folder> <appenders> <milliseconds>
 *     node src/testing/bench/log.ts fill <folder> <messages>
 */
import { parseArgs } from 'node:util';
import { openSqliteLog } from '../../adapters/sqlite/event-log/sqlite-log.ts';
import { partitionsOf, topicsOf } from '../../app/journal.ts';
import { eventCodec } from '../../main/event-codec.ts';
import type { Appended, EventLog, NewRecord } from '../../ports/event-log.ts';
import { BenchConversations, type Placed } from './conversations.ts';

const partitions = 10;
const topics = topicsOf('parley');
/** Records of one transaction while filling: large enough that syncs do not count. */
const fillBatch = 2_000;
/** Messages of all but one conversation of a filled log, questions and answers. */
const messagesPerConversation = 100;
/** That one holds this part of all messages. */
const largeShare = 0.1;
const conversationsPerClient = 10;

function openLog(dataDir: string) {
  return openSqliteLog({
    mode: 'write',
    dataDir,
    topics: partitionsOf('parley', partitions),
  });
}

const said = {
  text: 'Where does the night train to Lisbon stop?',
  reply:
    'It stops at every station that has a name, and at one that has none. Shall I list those in your time zone first?',
  model: 'simulated',
  clientMessageId: (nth: number) => `m${nth}`,
};

function recordOf({ partition, event }: Placed): NewRecord {
  const key = 'conversationId' in event ? event.conversationId : '';
  return { topic: topics.conversations, partition, key, ...eventCodec.encode(event) };
}

/** One event after the other by each appender, each synced before the next. */
async function append(dataDir: string, appenders: number, milliseconds: number): Promise<object> {
  await using log = await openLog(dataDir);
  const times: number[] = [];
  const begun = performance.now();
  const one = async () => {
    for (const event of new BenchConversations(partitions, said).unanswered(1, Number.POSITIVE_INFINITY)) {
      const at = performance.now();
      if (at - begun >= milliseconds) return;
      await log.append([recordOf(event)]);
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

/** The large conversation first. */
function* everything(messages: number): Generator<Placed> {
  const conversations = new BenchConversations(partitions, said);
  yield* conversations.claims();
  yield* conversations.answered((messages * largeShare) / 2, 'bench-large');
  for (let count = 0; count < (messages * (1 - largeShare)) / messagesPerConversation; count += 1) {
    const clientId = `bench-${Math.floor(count / conversationsPerClient)}`;
    yield* conversations.answered(messagesPerConversation / 2, clientId);
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
  const ends = new Ends();
  let conversationId = '';
  let events = 0;
  let batch: NewRecord[] = [];
  const flush = async () => {
    events += batch.length;
    ends.note(batch, await log.append(batch));
    batch = [];
  };
  for (const next of everything(messages)) {
    const record = recordOf(next);
    if (conversationId === '') conversationId = record.key;
    if (batch.push(record) === fillBatch) await flush();
  }
  await flush();
  return { events, conversationId, ends: ends.all };
}

const [command, dataDir = '', ...numbers] = parseArgs({ allowPositionals: true }).positionals;
const [first = 0, second = 0] = numbers.map(Number);
console.log(JSON.stringify(command === 'fill' ? await fill(dataDir, first) : await append(dataDir, first, second)));
