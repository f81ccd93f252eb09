const kibibyte = 1_024;
const mebibyte = 1_024 * kibibyte;
const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** What the topics of a deployment are made from. */
export interface TopicsSpec {
  readonly prefix: string;
  /** Of the conversations. */
  readonly partitions: number;
  readonly replicationFactor: number;
  /** A log is copied into them: records keep the times that they had, and nothing may be served from them yet. */
  readonly copying?: boolean;
}

/** A topic as it is made, and what must be true of it for as long as it is used. */
export interface TopicDefinition {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly settings: readonly TopicSetting[];
}

export interface TopicSetting {
  /** Kafka's own. */
  readonly name: string;
  readonly value: string;
  /** What else it may be; `anything`: no promise depends on it. */
  readonly mustBe: 'exactly' | 'at least' | 'at most' | 'anything';
  /** What would become of another value, or why this one was chosen. */
  readonly why: string;
  /** What may have led to another value, and is to be seen to first. */
  readonly hint?: string;
}

/** All but one: an accepted event survives the loss of any one broker, and appends go on without it. */
export function leastInSync(replicationFactor: number): number {
  return Math.max(1, replicationFactor - 1);
}

/** Every topic there is, as data. */
export function topicDefinitions({
  prefix,
  partitions,
  replicationFactor,
  copying,
}: TopicsSpec): readonly TopicDefinition[] {
  const common = [copying ? timesAreKept : timesAreTheLogs, ...commonSettings(replicationFactor)];
  const events = [...eventSettings, ...common];
  return [
    { name: `${prefix}.connections`, partitions: 1, replicationFactor, settings: events },
    { name: `${prefix}.conversations`, partitions, replicationFactor, settings: events },
    { name: `${prefix}.spending`, partitions: 1, replicationFactor, settings: events },
    { name: `${prefix}.keys`, partitions: 1, replicationFactor, settings: [...keySettings, ...common] },
  ];
}

const timesAreTheLogs: TopicSetting = {
  name: 'message.timestamp.type',
  value: 'LogAppendTime',
  mustBe: 'exactly',
  why: 'what has expired is reckoned by the time of the log, which must not be that of whoever writes',
  hint: 'If `parley copy-log` is running, wait for its end; if it was interrupted, run it again: it goes on where it stopped. Otherwise:',
};

const timesAreKept: TopicSetting = {
  name: 'message.timestamp.type',
  value: 'CreateTime',
  mustBe: 'anything',
  why: 'records that are copied keep their times; at the end of the copy it becomes LogAppendTime',
};

function commonSettings(replicationFactor: number): readonly TopicSetting[] {
  return [
    {
      name: 'min.insync.replicas',
      value: String(leastInSync(replicationFactor)),
      mustBe: 'at least',
      why: 'what was accepted could be lost with a broker',
    },
    {
      name: 'unclean.leader.election.enable',
      value: 'false',
      mustBe: 'exactly',
      why: 'a broker that was behind could take over, and what was accepted would be gone',
    },
    {
      name: 'max.message.bytes',
      value: String(8 * mebibyte),
      mustBe: 'at least',
      why: 'the largest messages could not be stored',
    },
    {
      name: 'compression.type',
      value: 'producer',
      mustBe: 'anything',
      why: 'brokers store what they are given, without packing it again',
    },
  ];
}

const eventSettings: readonly TopicSetting[] = [
  {
    name: 'cleanup.policy',
    value: 'delete',
    mustBe: 'exactly',
    why: 'Kafka would drop all events of a conversation but the last',
  },
  {
    name: 'retention.ms',
    value: '-1',
    mustBe: 'exactly',
    why: 'Kafka would delete events of that age, and everything is made from them',
  },
  {
    name: 'retention.bytes',
    value: '-1',
    mustBe: 'exactly',
    why: 'Kafka would delete the oldest events beyond that size, and everything is made from them',
  },
];

/** A key that is destroyed is overwritten by a record without a value; it is gone from the disks when Kafka has compacted what came before. */
const keySettings: readonly TopicSetting[] = [
  {
    name: 'cleanup.policy',
    value: 'compact',
    mustBe: 'exactly',
    why: 'the keys of erased words would stay on the disks, or keys that are needed would be deleted',
  },
  {
    name: 'max.compaction.lag.ms',
    value: String(hour),
    mustBe: 'at most',
    why: 'the keys of erased words would stay on the disks for longer than an hour',
  },
  {
    name: 'segment.ms',
    value: String(10 * minute),
    mustBe: 'at most',
    why: 'what is in the newest segment is not compacted, so the keys of erased words would stay on the disks for longer',
  },
  {
    name: 'delete.retention.ms',
    value: String(day),
    mustBe: 'at least',
    why: 'a process that was cut off for so long would not hear that keys were destroyed',
  },
  {
    name: 'min.cleanable.dirty.ratio',
    value: '0.01',
    mustBe: 'anything',
    why: 'compaction begins soon, rather than when half of the topic is old',
  },
  { name: 'retention.ms', value: '-1', mustBe: 'anything', why: 'matters only if the clean-up policy is changed' },
  { name: 'retention.bytes', value: '-1', mustBe: 'anything', why: 'matters only if the clean-up policy is changed' },
];
