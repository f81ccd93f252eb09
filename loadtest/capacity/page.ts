import { originLine, table } from '../markdown.ts';
import type { Origin } from '../system/machine.ts';
import { admissionSection } from './admission-section.ts';
import { type Baselines, type Costs, costsOf, exchangeMs } from './costs.ts';
import { type End, endsOf } from './ends.ts';
import { followingSection } from './following-section.ts';
import { needsOf } from './needs.ts';
import { needsTable } from './needs-table.ts';
import { assumptions, type Traffic, trafficOf } from './traffic.ts';
import { about, amount, percent, wordTable } from './wording.ts';

/** docs/capacity.md: nothing in it is typed that a baseline holds. Throws when one lacks what is needed. */
export function capacityPage(all: Baselines): string {
  const costs = costsOf(all);
  const traffic = trafficOf();
  const parts = [
    head(all),
    `## What is assumed\n\n${assumed()}`,
    `## What was measured\n\n${measured(costs, traffic)}`,
    `## What it comes to\n\n${needed(costs, traffic)}`,
    `## Where one deployment ends\n\n${ending(costs, traffic)}`,
    `## What it costs a gateway to follow the log\n\n${followingSection(costs, traffic, all.capacity.origins.following)}`,
    `## What would be changed\n\n${changes(costs, traffic)}`,
    `## Admission by shards\n\n${admissionSection(all.capacity.sharding)}`,
    `## What this does not know\n\n${unknown()}`,
  ];
  return `${parts.join('\n\n')}\n`;
}

/** The two tables that depend on what is assumed, for the terminal. Throws as `trafficOf` does. */
export function needsText(all: Baselines, given: readonly string[]): string {
  const costs = costsOf(all);
  const traffic = trafficOf(given);
  return `${needsTable(costs, traffic)}\n\n${endsTable(costs, traffic)}`;
}

function head({ capacity, embedded, distributed }: Baselines): string {
  const of = ({ commit, date }: Origin) => `commit ${commit}, ${date}`;
  const { folds, sizes, sharding } = capacity.origins;
  return `# Capacity

What 10⁴, 10⁶ and 10⁸ clients would need, worked out from what one message and one session were measured to cost. Written by
\`npm run load -- capacity --baseline\`, and anew whenever a bench or a load is; no figure in it is typed that \`loadtest/baselines\` holds. Nobody has run Parley with more than
some ten thousand sessions: all beyond is arithmetic, which shows where the design of today ends rather than what a large deployment would do.

"Clients" are those connected at once at the peak, which is what \`PARLEY_MAX_CLIENTS\` limits. kB, MB, GB, TB and PB are powers of 1,000, MiB of 1,024.

Costs of messages: ${originLine(distributed.origin)}
Of a bare stream: ${of(embedded.origin)}. Of folds: ${of(folds)}. Of bytes: ${of(sizes)}. The simulation: ${of(sharding)}. All on one machine, its cores shared by servers, engines and clients.`;
}

function assumed(): string {
  const rows = Object.entries(assumptions).map(([name, { value, meaning }]) => [
    `\`${name}\``,
    value.toLocaleString('en'),
    meaning,
  ]);
  return `None of this was measured: it is what a reader has to put in. For other values, \`npm run load -- capacity --set messagesPerClientDay=200 --set mediaShare=0.5\`
prints the tables below anew.

${wordTable(['name', 'value', 'what it is'], rows)}`;
}

function measured(costs: Costs, traffic: Traffic): string {
  const { messageMs, mediaMessageMs, pieceMs, sizes } = costs;
  const cpu = (of: Readonly<Record<'gateway' | 'worker' | 'projector', number>>) =>
    [of.gateway, of.worker, of.projector].map((ms) => `${amount(ms)} ms`);
  const rows = [
    ['a message and its reply, text in one piece', ...cpu(messageMs)],
    ['a message of `published`: a third each of text, voice, video', ...cpu(mediaMessageMs)],
    ['a piece', ...cpu(pieceMs)],
    [
      'a message as assumed above',
      ...cpu({
        gateway: exchangeMs(costs, 'gateway', traffic),
        worker: exchangeMs(costs, 'worker', traffic),
        projector: exchangeMs(costs, 'projector', traffic),
      }),
    ],
  ];
  return `CPU time by role, of the distributed profile. The first is from \`distributed.json\` (50 clients in a closed loop, where records share batches), the second from
\`load/published-distributed.json\` (45 messages a second, where they hardly do, and what a process uses when idle counts in full; taken for messages with media, which it makes
too dear rather than too cheap), the third from \`distributed.json\` (5,000 pieces a second).

${table(['CPU time of', 'gateway', 'worker', 'projector'], rows)}

${wordTable(['', 'figure', 'from'], otherFigures(costs))}

Folding the log of connections, CPU time (\`capacity.json\`; \`loadtest/capacity/fold-cost.ts\` folds with the product's own code). Every gateway does this for the clients of all, and
beats every 3 s.

${table(
  [
    'sessions open',
    'a visit: request, first word, end',
    'a beat',
    'sessions active in it',
    'a snapshot, written and read',
  ],
  costs.folds.map(({ sessions, visitMs, beatMs, activeInBeat, snapshotMs }) => [
    amount(sessions),
    `${amount(visitMs)} ms`,
    `${amount(beatMs)} ms`,
    amount(activeInBeat),
    `${amount(snapshotMs)} ms`,
  ]),
)}

Bytes (\`capacity.json\`; \`src/main/bench-sizes.ts\` encodes events as they go to Kafka, words encrypted, and documents as they go to MongoDB). Not compressed; a batch of
records takes ${sizes.batchBytes} bytes more, and here each record has one of its own.

${table(['', 'bytes'], byteRows(costs))}`;
}

function otherFigures(costs: Costs): readonly (readonly string[])[] {
  return [
    [
      'memory of a session',
      `${amount(costs.sessionKB)} kB`,
      `\`load/idle-embedded.json\`: ${amount(costs.sessionsMeasured)} sessions in one process, heartbeats included`,
    ],
    [
      'memory of a gateway without them',
      `${amount(costs.gatewayMib)} MiB`,
      '`distributed.json`, after 50 clients in a closed loop',
    ],
    [
      'CPU time of a heartbeat',
      `${amount(costs.heartbeatCpuMs)} ms`,
      '`embedded.json`: a frame to and fro in a bare gRPC stream; Parley’s own part is in the folds',
    ],
    [
      'connects a second',
      amount(costs.connectsPerS),
      '`distributed.json`: ten at once, one gateway, all engines and the clients on the same cores',
    ],
    ['… embedded', amount(costs.embeddedConnectsPerS), '`embedded.json`'],
    [
      'records a second, appended to Kafka and read back',
      amount(costs.logRecordsPerS),
      '`distributed.json`: bare kafkajs, 50 at once, ten partitions',
    ],
    [
      'records a second that one projector folds into an empty history',
      amount(costs.rebuiltPerS),
      '`distributed.json`: MongoDB’s stand-in and Kafka on the same cores',
    ],
    ['records a second of `parley audit`', amount(costs.auditedPerS), '`distributed.json`'],
    ['CPU time of a piece in NATS', `${amount(costs.pieceMs.nats)} ms`, '`distributed.json`'],
  ];
}

function byteRows({ sizes }: Costs): readonly (readonly string[])[] {
  const { recordBytes: of } = sizes;
  const exchange = of.MessageReceived + of.ReplyStarted + of.ReplyCompleted;
  const visit = of.ConnectionRequested + of.ConnectionSpoke + of.ConnectionClosed;
  return [
    [
      `log: a message and its reply without their words, three records (${of.MessageReceived}, ${of.ReplyStarted}, ${of.ReplyCompleted})`,
      amount(exchange),
    ],
    ['log: a draft of a reply without its text', amount(of.ReplyProgress)],
    ['log: a new conversation', amount(of.ConversationStarted)],
    ['log: a key of words; two for each conversation', amount(sizes.dataKeyBytes)],
    [
      `log: a visit, three records (${of.ConnectionRequested}, ${of.ConnectionSpoke}, ${of.ConnectionClosed})`,
      amount(visit),
    ],
    ['log: a beat', amount(of.GatewayBeat)],
    ['log: each session that was active since the last beat', amount(sizes.activeSessionBytes)],
    [
      `MongoDB: a message and its reply without their words (${sizes.messageBytes}, ${sizes.replyBytes})`,
      amount(sizes.messageBytes + sizes.replyBytes),
    ],
    ['MongoDB: each byte of text, with the words it is found by (no word twice)', amount(sizes.bytesPerTextByte)],
    ['MongoDB: a conversation', amount(sizes.conversationBytes)],
    ['MongoDB: a session in the document of who is connected', amount(sizes.admissionBytesPerSession)],
    ['memory of each process: a key of words', amount(sizes.keyMemoryBytes)],
  ];
}

function needed(costs: Costs, traffic: Traffic): string {
  return `Rates are those of the peak, days are mean days. A bold figure cannot be, or not on the processes that were measured. A shard is a deployment of its own (its prefix, its
topics and processes) that shares the engines; figures that are not said to be of each are of all together.

${needsTable(costs, traffic)}

- Messages a second: clients · messagesPerClientDay · peakOverMean / 86,400. Sessions likewise; while all come back: clients / backWithinS.
- Gateways: clients / ${amount(costs.sessionsMeasured)}, or their CPU time a second (messages, pieces, heartbeats) / (coreShare − what following takes of each), whichever is more; and one in each deployment that may die. Their memory: that of sessions, and for each gateway that without them and what following keeps.
- Folding: what a second brings in visits and beats, times their cost with so many sessions; beyond ${amount(costs.folds.at(-1)?.sessions ?? 0)} sessions in proportion to them.
- Following: records of conversations a second, of all clients, times the CPU time of one ([below](#what-it-costs-a-gateway-to-follow-the-log)); memory: partitions, all of them full.
- Partitions: messages in processing / (50 · processingShare), or as many as workers, whichever is more. In processing: messages a second · replyS. Workers and projectors: their CPU time / coreShare, and one.
- Kafka: bytes of all records, each in a batch of its own. Drafts of replies (\`ReplyProgress\`) have all of the reply's text but the end once more;
  history passes over them, an audit reads them. Of signs of life: clients / peakOverMean · 86,400 / 15 · ${amount(costs.sizes.activeSessionBytes)}. Brokers: bytes at the peak, bytes kept or copies of partitions, whichever needs most; at least as many as copies.
- MongoDB: ${costs.sizes.writesPerExchange} documents written for a message and its reply at most; projectors put writes together, so that under load they are fewer. Shards: by writes or by bytes kept. What says where a medium is named, and a partition's counts, are left out.
- NATS: each session listens to one conversation, in the worst case each to another. S3: one object for a message with a medium, one for its reply.`;
}

function ending(costs: Costs, traffic: Traffic): string {
  return `The clients at which one deployment meets each of its ends, all else as assumed, to two digits; the nearest first.

${endsTable(costs, traffic)}`;
}

function endsTable(costs: Costs, traffic: Traffic): string {
  const rows = endsOf(costs, traffic).map(({ what, clients, why, change }) => [what, about(clients), why, change]);
  return wordTable(['what ends', 'clients', 'because', 'what would be changed'], rows);
}

function changes(costs: Costs, traffic: Traffic): string {
  const ends = endsOf(costs, traffic);
  const within = (from: number, to: number) => {
    const found = ends.filter(({ clients }) => clients > from && clients <= to);
    return found.length === 0
      ? 'Nothing of the above ends on the way there.'
      : `On the way there end, in this order:\n\n${list(found)}`;
  };
  const shards = (clients: number) => Math.ceil(clients / traffic.shardClients).toLocaleString('en');
  const { activeBytesPerDay, conversationBytesPerDay, connectionBytesPerDay } = needsOf(1e4, costs, traffic).log;
  return `### Up to 10⁴

One deployment does, with \`PARLEY_MAX_CLIENTS\` set. ${within(0, 1e4)}

Of memory and processor it needs little. What grows is what is kept: ${percent(activeBytesPerDay / (conversationBytesPerDay + connectionBytesPerDay))} of the log are sessions' signs of life, by which nothing is ever decided.

### From 10⁴ to 10⁶

${within(1e4, 1e6)}

What comes first is small, and leaves all rules as they are: keys are looked up when they are needed; each session is a document of its own; signs of life stay
out of the log (gateways could tell the read model), and the fold's map copies less of itself at each write. Then one partition of connections still decides about
all clients, which Kafka takes; but every gateway folds what all clients do, and follows what they say, so that the work is clients times gateways.

Dividing admission ends that: ${shards(1e6)} shards of ${amount(traffic.shardClients)} clients, a client's shard by a hash of its id, and gateways that serve one shard each. With fixed quotas this needs no other rules: a shard
is a deployment with a \`PARLEY_PREFIX\` and a \`PARLEY_MAX_CLIENTS\` of its own on the same engines, and its conversations are divided with it. What there is not: a router that sends a client to
its shard (for Envoy's routes a header that names the shard would do), an operator's view over all shards, and a way to change how many there are, for which conversations would
have to move.

### From 10⁶ to 10⁸

${within(1e6, 1e8)}

With ${shards(1e8)} shards no process does more than at 10⁴. What ends are the engines, which all shards share: a NATS cluster tells every server what is listened to on each, and
nobody runs thousands of brokers, or of MongoDB's shards, as one. So the engines are divided too: ${shards(1e6)} shards with engines of their own are a cell, as in the column of 10⁶, and there
are a hundred cells, of which only the router knows. The log is no longer kept for ever on brokers' disks: old segments of conversations go to an object store (tiered storage), which
readers do not notice. Names of objects in S3 begin with the prefix, so that shards spread over its partitions.`;
}

function list(ends: readonly End[]): string {
  return ends.map(({ what, clients }) => `- ${what}: ${about(clients)}`).join('\n');
}

function unknown(): string {
  return `- Whether costs stay what they are with more cores, larger machines, a network between them, TLS, three replicas: all was measured on one machine. CPU time for a message falls
  with load as more records share a batch, and rises with memory to walk through.
- What drafts cost workers and projectors is left out: the replies that were measured take too little time to have any.
- What following costs the one gateway of \`distributed.json\` is in its CPU time of a message as well, if it was measured since gateways follow: counted twice, too dear rather than too cheap.
- Folding with many sessions is mostly garbage: its figures differ by a third or more from one measurement to the next, and the ends that follow from them do, too. A quarter of
  following is garbage as well, and its figures differ by a fifth.
- MongoDB: its speed and size are assumed, as the tests' stand-in says nothing of them. Kafka's and S3's figures are likewise those of the table of assumptions.
- Models: a reply costs far more at the model than here, and its limits come first.
- Mean days: a launch or a match on television is no peak of three times the mean. While all come back, the figures hold only if they are let in evenly.
- A client's own shard: fixed by a hash, it evens out clients, not what they do. One that says a thousand times as much is one shard's burden.`;
}
