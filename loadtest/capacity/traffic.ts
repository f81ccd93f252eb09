/** What is assumed of those who use it, and of what it runs on: nothing of this was measured. Everybody's own is given by `--set`. */
export const assumptions = {
  messagesPerClientDay: { value: 40, meaning: 'messages of a client and day' },
  peakOverMean: {
    value: 3,
    meaning: 'the busiest minutes over the mean of the day: of messages, and of clients connected',
  },
  visitsPerClientDay: { value: 6, meaning: 'sessions of a client and day, each with a first word and an end' },
  conversationsPerClientDay: { value: 1, meaning: 'new conversations of a client and day' },
  backWithinS: { value: 300, meaning: 'seconds in which all come back after an outage' },
  textBytes: { value: 120, meaning: 'bytes of text in a message' },
  replyBytes: { value: 800, meaning: 'bytes of text in a reply' },
  piecesPerReply: { value: 100, meaning: 'pieces that a reply comes in, each published and sent by itself' },
  replyS: {
    value: 5,
    meaning:
      'seconds that the model takes for a reply: so long the message is in processing, and the reply is in drafts',
  },
  mediaShare: { value: 0.1, meaning: 'of all messages, those with a medium; they are answered by one' },
  mediaBytes: { value: 100_000, meaning: 'bytes of a medium' },
  shardClients: { value: 10_000, meaning: 'clients of a shard, where admission is divided' },
  coreShare: { value: 0.5, meaning: 'of a core, what a process may use at the peak' },
  ownShare: {
    value: 0.5,
    meaning:
      'of `coreShare`, what a gateway keeps for its own clients at least; following the log of conversations may use the rest',
  },
  processingShare: {
    value: 0.7,
    meaning: 'of the 50 that may be in processing in a partition, those that are at the peak',
  },
  replicas: { value: 3, meaning: 'copies of the log' },
  keptDays: { value: 365, meaning: 'days of messages that are kept' },
  brokerMBPerS: { value: 50, meaning: 'MB a second that a Kafka broker takes, copies included' },
  brokerTB: { value: 10, meaning: 'TB that a Kafka broker holds' },
  brokerPartitions: { value: 4_000, meaning: 'copies of partitions that a Kafka broker has' },
  mongoWritesPerS: { value: 5_000, meaning: 'documents a second that a MongoDB shard writes' },
  mongoTB: { value: 2, meaning: 'TB that a MongoDB shard holds' },
  indexShare: { value: 1, meaning: 'bytes of indexes in MongoDB for each byte of documents' },
} as const satisfies Readonly<Record<string, { readonly value: number; readonly meaning: string }>>;

export type Assumption = keyof typeof assumptions;
export type Traffic = Readonly<Record<Assumption, number>>;

/** MessageReceived, ReplyStarted, ReplyCompleted: those that history makes documents of. */
export const recordsPerExchange = 3;
/** A ReplyProgress is appended when there is so much of the text, or after a second (src/workers/limits.ts). */
const draftBytes = 2_048;

/** ReplyProgress of a reply: what has come since the last is in the reply's end. */
export function draftsPerReply({ replyS, replyBytes }: Traffic): number {
  return Math.max(0, replyS - 1, Math.floor(replyBytes / draftBytes));
}

/** All records of a message and its reply in the log. */
export function recordsPerMessage(traffic: Traffic): number {
  return recordsPerExchange + draftsPerReply(traffic);
}

/** Parts of a whole. */
const parts: readonly string[] = [
  'mediaShare',
  'coreShare',
  'ownShare',
  'processingShare',
] satisfies readonly Assumption[];
/** What there need not be any of. */
const dispensable: readonly string[] = ['mediaShare', 'indexShare', 'piecesPerReply'] satisfies readonly Assumption[];

/** Those above, but for what is given. Throws a RangeError on a name or value that is none. */
export function trafficOf(given: readonly string[] = []): Traffic {
  const names = Object.keys(assumptions) as Assumption[];
  const traffic = Object.fromEntries(names.map((name) => [name, assumptions[name].value])) as Record<
    Assumption,
    number
  >;
  for (const text of given) {
    const [word, digits = ''] = text.split('=');
    const name = names.find((known) => known === word);
    const value = digits === '' ? Number.NaN : Number(digits);
    if (name === undefined || !isPossible(name, value)) {
      throw new RangeError(
        `--set takes NAME=NUMBER, a number that can be, and one of ${names.join(', ')}; not ${text}`,
      );
    }
    traffic[name] = value;
  }
  return traffic;
}

function isPossible(name: Assumption, value: number): boolean {
  const isEnough = value > 0 || (value === 0 && dispensable.includes(name));
  return isEnough && value <= (parts.includes(name) ? 1 : Number.MAX_SAFE_INTEGER);
}
