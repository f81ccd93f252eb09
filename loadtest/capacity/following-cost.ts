import { runJson } from '../system/processes.ts';
import { draftsPerReply, trafficOf } from './traffic.ts';

/** What it costs a gateway to follow the log of conversations, which it does for the clients of all gateways. */
export interface FollowingFigures {
  readonly record: FollowedRecordCost;
  /** Ended conversations first, from few to many; then pending messages. */
  readonly memory: readonly FollowedMemory[];
}

/** CPU time, microseconds, of a record of a client that is not connected to this gateway. */
export interface FollowedRecordCost {
  /** So many were measured in each run. */
  readonly records: number;
  /** Decoded, folded, and nobody is told: from the log in memory to the gateway's listeners. */
  readonly recordUs: number;
  /** What comes before that on Kafka: from the bytes of a fetch to the record, its content decrypted. Each record in a batch of its own. */
  readonly fetchedUs: number;
}

/** What following keeps. */
export interface FollowedMemory {
  readonly partitions: number;
  readonly conversations: number;
  readonly messagesOfEach: number;
  /** Messages without an end; 0: each of them has one. */
  readonly pending: number;
  /** Heap in use after garbage collection, less that of the same process before it began to follow. */
  readonly heapBytes: number;
}

const script = 'src/main/bench-following.ts';
/** The least of so many is kept: other processes of the machine make CPU time longer, never shorter. */
const runs = 3;
const answered = [10_000, 100_000];
/** As many messages of a client as may be unanswered, and one of each. */
const unanswered = [
  { conversations: 10_000, messagesOfEach: 10 },
  { conversations: 100_000, messagesOfEach: 1 },
];

/** Measures each figure in a process of its own: one to two minutes. */
export async function measureFollowing(told: (text: string) => void): Promise<FollowingFigures> {
  const traffic = trafficOf();
  const { textBytes, replyBytes, messagesPerClientDay, conversationsPerClientDay } = traffic;
  const run = <T>(what: string, ...numbers: readonly number[]) =>
    runJson<T>(script, [what, ...[textBytes, replyBytes, ...numbers].map(String)]);
  const costs: FollowedRecordCost[] = [];
  for (let count = 0; count < runs; count += 1)
    costs.push(await run('cost', messagesPerClientDay / conversationsPerClientDay, draftsPerReply(traffic)));
  const least = (of: (cost: FollowedRecordCost) => number) => Math.min(...costs.map(of));
  const record = {
    records: least(({ records }) => records),
    recordUs: least(({ recordUs }) => recordUs),
    fetchedUs: least(({ fetchedUs }) => fetchedUs),
  };
  told(`following: a record ${record.recordUs.toFixed(1)} µs, from Kafka ${record.fetchedUs.toFixed(1)} µs more`);
  const memory: FollowedMemory[] = [];
  for (const conversations of answered) memory.push(await run('answered', conversations));
  for (const { conversations, messagesOfEach } of unanswered)
    memory.push(await run('unanswered', conversations, messagesOfEach));
  return { record, memory };
}
