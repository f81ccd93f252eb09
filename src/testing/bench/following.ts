/**
 * What docs/capacity.md needs to know of following the log of conversations, as a gateway does for the clients of all: with the product's own fold and
 * codec, over the log in memory, so that no engine is in it. Printed as one line of JSON.
 *
 *     node src/testing/bench/following.ts cost <text bytes> <reply bytes> <messages of a conversation> <drafts of a reply>
 *     node src/testing/bench/following.ts answered <text bytes> <reply bytes> <conversations>
 *     node src/testing/bench/following.ts unanswered <text bytes> <reply bytes> <conversations> <messages of each>
 */

import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { nodeCryptoIds as ids } from '../../adapters/node/node-crypto-ids.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { Following } from '../../app/following/following.ts';
import { knownWindowIds, usualLookBackRecords } from '../../app/following/limits.ts';
import { Journal, topicsOf } from '../../app/journal.ts';
import { eventCodec } from '../../main/event-codec.ts';
import { MemoryLogServer } from '../memory/event-log/memory-log.ts';
import { BenchConversations, type Placed } from './conversations.ts';
import { FetchedRecords } from './fetched.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const prefix = 'bench';
const topic = topicsOf(prefix).conversations;
/** PARLEY_PARTITIONS when nobody has set it. */
const partitions = 10;
/** As many conversations as are remembered of all partitions together: what is followed then has the size that it keeps. */
const filling = 100_000;
const measuredMessages = 50_000;
const open = 1_000;
/** Of these messages, before anything is measured: until the code is compiled. */
const unmeasuredShare = 0.1;
/** Of 50 in each partition, those in processing at the peak. */
const underWay = 350;

const server = new MemoryLogServer({ [topicsOf(prefix).connections]: 1, [topic]: partitions }, () =>
  systemClock.nowMs(),
);

/** By a journal of its own: what a process appends itself, it need not decode. */
async function append(events: Iterable<Placed>): Promise<void> {
  const journal = new Journal(server.handle(), eventCodec, prefix);
  for (const { partition, event } of events) {
    const key = 'conversationId' in event ? event.conversationId : '';
    await journal.appendConversation(partition, key, [event]);
  }
}

const silent = () => {};
const logger = { debug: silent, info: silent, warn: silent, error: silent };

/** As a gateway begins to. One client is connected, and none of what is said is its own. */
function follow(): Following {
  const following = new Following({
    journal: new Journal(server.handle(), eventCodec, prefix),
    clock: systemClock,
    ids,
    logger,
    random: Math.random,
    group: `${prefix}.workers`,
    readGroup: `${prefix}.workers.read`,
    lookBackRecords: usualLookBackRecords,
    windowIds: knownWindowIds,
    onFault: (error) => {
      throw error;
    },
  });
  following.listen('bob@example.org', { followed: silent, repeated: silent, shortened: silent });
  following.start();
  return following;
}

function ends(): readonly number[] {
  return Array.from({ length: partitions }, (_, partition) => server.records(topic, partition).length);
}

/** Resolves when so much of each partition is folded. */
async function folded(following: Following, upTo: readonly number[]): Promise<void> {
  await Promise.all(upTo.map((offset, partition) => following.at(partition).folded(offset)));
}

function readBy(following: Following): number {
  return following.partitions.reduce((sum, { next }) => sum + next, 0);
}

/** Microseconds of CPU time, garbage included. */
async function cpuUs(work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** So many conversations, each with one message and its reply. */
function* conversationsOfOne(conversations: BenchConversations, count: number): Generator<Placed> {
  for (let made = 0; made < count; made += 1) yield* conversations.answered(1);
}

/** CPU time of a record of a client that is not connected here, once everything is full that is remembered. */
async function cost(conversations: BenchConversations, messagesOfEach: number, drafts: number): Promise<object> {
  await append(conversationsOfOne(conversations, filling));
  const filled = ends();
  await append(conversations.steady(measuredMessages, { open, messagesOfEach, underWay, drafts }));
  const begun = ends().map((end, partition) => {
    const from = filled[partition] ?? 0;
    return from + Math.round((end - from) * unmeasuredShare);
  });
  collectedHeapBytes();
  const following = follow();
  await folded(following, begun);
  const readBefore = readBy(following);
  const followedUs = await cpuUs(() => folded(following, ends()));
  const records = readBy(following) - readBefore;
  await following.stop();
  return { records, recordUs: followedUs / records, fetchedUs: await fetchedUs(begun[0] ?? 0) };
}

/** CPU time of taking a record of the first partition, from this offset on, out of what a broker sends; the second time, when the code is compiled. */
async function fetchedUs(from: number): Promise<number> {
  const records = server.records(topic, 0).slice(from);
  const fetched = new FetchedRecords(topic, 0, records, { codec: eventCodec, logger });
  await fetched.open();
  return (await cpuUs(() => fetched.open())) / records.length;
}

/** What following keeps in memory once it has read the log: heap with it, less that of the log alone. */
async function memory(events: Iterable<Placed>, conversations: number, messagesOfEach: number): Promise<object> {
  await append(events);
  const before = collectedHeapBytes();
  const following = follow();
  await folded(following, ends());
  const heapBytes = collectedHeapBytes() - before;
  const pending = following.partitions.reduce((sum, { state }) => sum + state.pending.size, 0);
  await following.stop();
  return { partitions, conversations, messagesOfEach, pending, heapBytes };
}

async function main(command: string, [textBytes = 0, replyBytes = 0, first = 0, second = 0]: readonly number[]) {
  const conversations = new BenchConversations(partitions, {
    text: 'x'.repeat(textBytes),
    reply: 'x'.repeat(replyBytes),
    model: 'a-model-of-somebody',
    clientMessageId: () => ids.unique(),
  });
  await append(conversations.claims());
  if (command === 'cost') return await cost(conversations, first, second);
  if (command === 'answered') return await memory(conversationsOfOne(conversations, first), first, 1);
  if (command === 'unanswered') return await memory(conversations.unanswered(first, second), first, second);
  throw new RangeError(`there is nothing to measure by the name of ${command}`);
}

const [command = '', ...numbers] = parseArgs({ allowPositionals: true }).positionals;
console.log(JSON.stringify(await main(command, numbers.map(Number))));

/** Bytes of the heap that are in use once garbage is collected. */
function collectedHeapBytes(): number {
  collect();
  return process.memoryUsage().heapUsed;
}
