import { type Costs, exchangeMs, followedPartitionBytes, followedRecordUs } from './costs.ts';
import {
  keysPerConversation,
  mostFollowCores,
  type Needs,
  needsOf,
  processingPerPartition,
  recordsPerVisit,
} from './needs.ts';
import { recordsPerMessage, type Traffic } from './traffic.ts';
import { amount, bytesText } from './wording.ts';

/** MongoDB takes no larger document. */
const maxDocumentBytes = 16 * 2 ** 20;
/** PARLEY_MAX_CLIENTS, PARLEY_MAX_PROCESSING and PARLEY_PARTITIONS at most (src/config/settings.ts). */
export const mostClients = 100_000;
export const mostProcessing = 100_000;
export const mostPartitions = 1_000;
/** What a process may give to the keys of words, or to what it remembers of conversations, before it is no longer one of the size that docs/deployment.md names. */
export const maxKeptBytes = 2 ** 30;
/** What writing one document over and over may cost: half of what an ordinary disk takes, and of what a replica set passes on. */
const maxDocumentMBPerS = 50;
/** A topic of one partition lives on one broker: what that may write of it in a day, one copy. */
const maxTopicBytesPerDay = 100e9;
/** A read model that is wrong has to be right again within this. */
const maxRebuildS = 86_400;

/** The ends that are in what every gateway does for the clients of all. */
export const followingEnd = 'every gateway follows the conversations of all, at the peak';
export const foldingEnds = [
  'every gateway folds the connections of all, while all come back',
  'every gateway folds the connections of all, at the peak',
] as const;

/** Where one deployment as it is today ends. */
export interface End {
  readonly what: string;
  readonly clients: number;
  readonly why: string;
  readonly change: string;
}

/** All of them, the nearest first. */
export function endsOf(costs: Costs, traffic: Traffic): readonly End[] {
  const where = (isOver: (needs: Needs) => boolean) => firstOver((clients) => isOver(needsOf(clients, costs, traffic)));
  const ends = [endsOfWhatIsKept, endsOfAdmission, endsOfFollowing, endsOfMessages].flatMap((some) =>
    some(costs, traffic, where),
  );
  return ends.toSorted((a, b) => a.clients - b.clients);
}

/** The clients from which on something is over. */
type Where = (isOver: (needs: Needs) => boolean) => number;

function endsOfWhatIsKept({ sizes, rebuiltPerS }: Costs, traffic: Traffic, where: Where): readonly End[] {
  const keysPerClient = traffic.conversationsPerClientDay * keysPerConversation * traffic.keptDays;
  return [
    {
      what: 'the keys of words in the memory of every process',
      clients: Math.floor(maxKeptBytes / (keysPerClient * sizes.keyMemoryBytes)),
      why: `${sizes.keyMemoryBytes} bytes each, two for each conversation, in ${traffic.keptDays} days 1 GiB`,
      change: 'look keys up when they are needed, and keep those in use',
    },
    {
      what: 'the document of who is connected, as one',
      clients: Math.floor(maxDocumentBytes / sizes.admissionBytesPerSession),
      why: `${sizes.admissionBytesPerSession} bytes a session, and MongoDB takes no document over 16 MiB`,
      change: 'a document for each session, or shards',
    },
    {
      what: 'the document of who is connected, written anew at each change',
      clients: where(({ mongo }) => mongo.admissionBytesPerS > maxDocumentMBPerS * 1e6),
      why: `five times a second it is ${maxDocumentMBPerS} MB a second`,
      change: 'a document for each session, or shards',
    },
    {
      what: 'history made again from the log by one projector',
      clients: where(({ rebuildS }) => rebuildS > maxRebuildS),
      why: `${Math.round(rebuiltPerS).toLocaleString('en')} records a second, MongoDB's stand-in on the same cores: a day for ${traffic.keptDays} days`,
      change: 'projectors that share the partitions of a rebuild, or shards',
    },
    {
      what: 'signs of life of sessions in the log',
      clients: where(({ log }) => log.activeBytesPerDay > maxTopicBytesPerDay),
      why: `${sizes.activeSessionBytes.toFixed(0)} bytes a session and heartbeat, kept for ever in one partition: 100 GB a day`,
      change: 'leave them out of the beats: no verdict depends on them',
    },
  ];
}

function endsOfAdmission(costs: Costs, traffic: Traffic, where: Where): readonly End[] {
  return [
    {
      what: 'connects that were measured',
      clients: Math.floor(costs.connectsPerS * traffic.backWithinS),
      why: `${costs.connectsPerS.toFixed(0)} a second, with a gateway, all engines and the clients on two cores: all are back within ${traffic.backWithinS} s of an outage`,
      change: 'more gateways; it is no end of the design',
    },
    {
      what: '`PARLEY_MAX_CLIENTS`',
      clients: mostClients,
      why: 'the setting takes no more',
      change: 'nothing: what is above ends earlier',
    },
    {
      what: foldingEnds[0],
      clients: where(({ returnFoldCores }) => returnFoldCores > traffic.coreShare),
      why: `${traffic.coreShare} of a core; all sessions are anew within ${traffic.backWithinS} s`,
      change: 'shards with gateways of their own, or a map that copies less',
    },
    {
      what: foldingEnds[1],
      clients: where(({ foldCores }) => foldCores > traffic.coreShare),
      why: `${traffic.coreShare} of a core; a beat with signs of life copies the whole map of sessions`,
      change: 'beats without them and a map that copies less, or shards with gateways of their own',
    },
    {
      what: 'one partition of connections, if folding cost nothing',
      clients: Math.floor((costs.logRecordsPerS / recordsPerVisit) * traffic.backWithinS),
      why: `bare kafkajs appended and read ${Math.round(costs.logRecordsPerS).toLocaleString('en')} records a second; a visit is ${recordsPerVisit}, and all come back within ${traffic.backWithinS} s`,
      change: 'shards',
    },
  ];
}

function endsOfFollowing(costs: Costs, traffic: Traffic, where: Where): readonly End[] {
  return [
    {
      what: followingEnd,
      clients: where(({ followCores }) => followCores > mostFollowCores(traffic)),
      why: `${mostFollowCores(traffic)} of a core; ${amount(recordsPerMessage(traffic))} records a message, ${amount(followedRecordUs(costs))} µs each`,
      change: 'shards with gateways of their own',
    },
    {
      what: 'what every gateway remembers of the conversations',
      clients: where(({ followBytes }) => followBytes > maxKeptBytes),
      why: `${bytesText(followedPartitionBytes(costs))} of each partition, 1 GiB`,
      change: 'fewer partitions with more in processing in each, or shards',
    },
  ];
}

function endsOfMessages(costs: Costs, traffic: Traffic, where: Where): readonly End[] {
  return [
    {
      what: '`PARLEY_PARTITIONS`',
      clients: where(({ partitions }) => partitions > mostPartitions),
      why: `${mostPartitions.toLocaleString('en')} with ${processingPerPartition} in processing each`,
      change: 'more in processing in each, which costs a worker little, or shards',
    },
    {
      what: '`PARLEY_MAX_PROCESSING`',
      clients: where(({ processing }) => processing > mostProcessing * traffic.processingShare),
      why: `${mostProcessing.toLocaleString('en')} messages, of which ${traffic.processingShare * 100} % are used`,
      change: 'shards',
    },
    {
      what: 'one worker for a partition',
      clients: where(({ messagesPerS, partitions }) => {
        const perPartition = messagesPerS / Math.min(partitions, mostPartitions);
        return (perPartition * exchangeMs(costs, 'worker', traffic)) / 1_000 > traffic.coreShare;
      }),
      why: `${exchangeMs(costs, 'worker', traffic).toFixed(1)} ms of CPU time a message: ${traffic.coreShare} of a core`,
      change: 'shards',
    },
  ];
}

/** The least number of clients at which something is over, to within one in a thousand; 10⁹ when it is over nowhere below. */
function firstOver(isOver: (clients: number) => boolean): number {
  let [within, over] = [1, 1e9];
  while (over / within > 1.001) {
    const middle = Math.sqrt(within * over);
    if (isOver(middle)) over = middle;
    else within = middle;
  }
  return Math.floor(within);
}
