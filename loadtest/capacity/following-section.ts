import { number, table } from '../markdown.ts';
import type { Origin } from '../system/machine.ts';
import { type Costs, followedPartitionBytes, followedRecordUs } from './costs.ts';
import { endsOf, foldingEnds, followingEnd } from './ends.ts';
import type { FollowedMemory } from './following-cost.ts';
import { mostFollowCores, needsOf } from './needs.ts';
import { draftsPerReply, recordsPerMessage, type Traffic } from './traffic.ts';
import { about, amount, bytesText, power } from './wording.ts';

const clientCounts = [1e4, 1e6, 1e8];

/** What it costs a gateway to read the records of all clients, and where conversations have to be divided because of it. */
export function followingSection(costs: Costs, traffic: Traffic, { commit, date }: Origin): string {
  const { record, memory } = costs.following;
  return `A gateway follows all partitions of its deployment's conversations with the fold of the workers ([ADR 25](adr/0025-facts-from-the-fold.md)): it reads, decodes and folds every record once, also
those of clients that other gateways serve, and looks up whom to tell after that. So the cost grows with all clients of the deployment, and more gateways do not lower it; gateways of a shard follow the records
of that shard only.

Measured by \`src/main/bench-following.ts\` (commit ${commit}, ${date}), with \`PartitionFollower\` and \`Journal\` of the product over the log in memory: ${amount(record.records)} records of a steady traffic (conversation started, message,
reply started, ${amount(draftsPerReply(traffic))} drafts of it, reply completed; ${traffic.textBytes} and ${traffic.replyBytes} bytes of text), in tails of up to 512 records, after 100,000 conversations, so that whatever is remembered is full. No client of these records was connected. What Kafka adds is measured by itself:
from the bytes of a fetch to records, by the adapter's code, each record in a batch of its own and its content encrypted. Network and broker are in neither. CPU time includes garbage collection; the least of three runs.

${table(
  ['of a record of other gateways’ clients', 'CPU time', 'records a second on one core'],
  [
    ['decoded, folded, nobody told', ...costCells(record.recordUs)],
    ['before that on Kafka: batch decoded, content decrypted', ...costCells(record.fetchedUs)],
    ['together', ...costCells(followedRecordUs(costs))],
  ],
)}

Heap in use after garbage collection, less that of the same process before it began to follow; ${memory[0]?.partitions} partitions:

${table(['conversations', 'messages in each', 'pending messages', 'heap', 'of each partition'], memory.map(memoryRow))}

Of ended conversations a partition remembers 10,000 at most, and 1 MiB of what was said last: with ${bytesText(followedPartitionBytes(costs))} a partition is full. Pending messages are kept whatever their number.

A message comes to ${amount(recordsPerMessage(traffic))} records: itself, the reply's start and end, and a \`ReplyProgress\` for each second of \`replyS\` but the last, or for each 2 KiB if these are more. A conversation is one more. At the peak:

${clientsTable(costs, traffic)}

${conclusion(costs, traffic)}`;
}

function costCells(us: number): readonly string[] {
  // Two digits: no run is like the other.
  return [`${amount(us)} µs`, amount(Number((1e6 / us).toPrecision(2)))];
}

function memoryRow({ conversations, messagesOfEach, pending, heapBytes, partitions }: FollowedMemory) {
  const mib = (bytes: number) => `${number(bytes / 2 ** 20)} MiB`;
  return [...[conversations, messagesOfEach, pending].map(amount), mib(heapBytes), mib(heapBytes / partitions)];
}

function clientsTable(costs: Costs, traffic: Traffic): string {
  const most = mostFollowCores(traffic);
  const cores = (clients: number) => {
    const { followCores } = needsOf(clients, costs, traffic);
    return followCores > most ? `**${amount(followCores)}**` : amount(followCores);
  };
  return table(
    [
      'clients',
      'records of conversations a second, all together',
      'of a core, in every gateway of one deployment',
      `… in shards of ${amount(traffic.shardClients)}`,
    ],
    clientCounts.map((clients) => [
      power(clients),
      amount(needsOf(clients, costs, traffic).log.conversationRecordsPerS),
      cores(clients),
      cores(Math.min(clients, traffic.shardClients)),
    ]),
  );
}

/** Whichever must be divided first brings the other with it. */
function conclusion(costs: Costs, traffic: Traffic): string {
  const ends = endsOf(costs, traffic);
  const clientsAt = (name: string) => ends.find(({ what }) => what === name)?.clients ?? Number.NaN;
  const following = clientsAt(followingEnd);
  const admission = foldingEnds.map(clientsAt);
  const isLater = following > Math.min(...admission);
  return `That is more than ${mostFollowCores(traffic)} of a core (coreShare · (1 − ownShare)) from ${about(following)} clients on: there conversations must be divided into shards. Folding the connections of all needs
shards from ${admission.map(about).join(' (all come back) or ')} (at the peak) on, ${
    isLater
      ? 'which is sooner: shards begin because of admission'
      : 'which is later: shards begin because of conversations'
  }. They divide both, since a shard is a deployment of its own (below), and in one of ${amount(traffic.shardClients)} clients following takes
${amount(needsOf(traffic.shardClients, costs, traffic).followCores)} of a core.`;
}
