import { leastInSync, type TopicDefinition, type TopicSetting } from './topic-definitions.ts';

/** A topic as the brokers describe it. */
export interface FoundTopic {
  /** The brokers of each partition, by partition. */
  readonly replicas: readonly (readonly number[])[];
  readonly settings: Readonly<Record<string, string>>;
}

export interface FoundCluster {
  /** host:port, divided by commas. */
  readonly bootstrap: string;
  readonly brokerIds: readonly number[];
}

const inSyncSetting = 'min.insync.replicas';

/** Something about a topic with which a promise could not be kept. */
export interface TopicProblem {
  readonly topic: string;
  /** Kafka's name of it, or `partitions` or `replication factor`. */
  readonly setting: string;
  readonly is: string;
  readonly shouldBe: string;
  readonly why: string;
  /** What to do, with the exact command where there is one. */
  readonly mend: string;
}

/** Topics are misconfigured: the start fails until they are corrected. */
export class TopicMisconfigured extends Error {
  override readonly name = 'TopicMisconfigured';
  readonly retryable = false;
  readonly problems: readonly TopicProblem[];

  constructor(problems: readonly TopicProblem[]) {
    const described = problems.map(
      ({ topic, setting, is, shouldBe, why, mend }) =>
        `- topic ${topic}: ${setting} is ${is} and should be ${shouldBe}; otherwise ${why}.\n  ${mend}`,
    );
    super(
      `Parley could not keep its promises on Kafka as it is:\n${described.join('\n')}\nWhere the brokers ask for credentials, the commands take them by --command-config.`,
    );
    this.problems = problems;
  }
}

/** What of a topic must be mended, in the order of its definition. */
export function problemsOf(definition: TopicDefinition, found: FoundTopic, cluster: FoundCluster): TopicProblem[] {
  const fewest = Math.min(...found.replicas.map((brokers) => brokers.length));
  const replication = replicationProblems(definition, found, cluster, fewest);
  // How many must be in sync depends on how many there will be, which is to be decided first.
  const judged = definition.settings.filter(({ name }) => replication.length === 0 || name !== inSyncSetting);
  return [
    ...partitionProblems(definition, found),
    ...replication,
    ...judged.flatMap((setting) => settingProblems(definition.name, setting, found, cluster, fewest)),
  ];
}

/** Partitions cannot be taken away, and adding some moves conversations to others. */
function partitionProblems({ name, partitions }: TopicDefinition, { replicas }: FoundTopic): TopicProblem[] {
  if (replicas.length === partitions) return [];
  const other = 'begin a new log under another PARLEY_PREFIX';
  const mend = name.endsWith('.conversations')
    ? `Set PARLEY_PARTITIONS=${replicas.length}, or ${other}: the number cannot be changed once a topic is in use.`
    : `Delete the topic if nothing is in it yet, or ${other}.`;
  return [
    {
      topic: name,
      setting: 'partitions',
      is: String(replicas.length),
      shouldBe: String(partitions),
      why: 'events would be looked for in other partitions than the ones they are in',
      mend,
    },
  ];
}

function replicationProblems(
  { name, replicationFactor }: TopicDefinition,
  { replicas }: FoundTopic,
  { bootstrap, brokerIds }: FoundCluster,
  fewest: number,
): TopicProblem[] {
  if (fewest >= replicationFactor) return [];
  const partitions = replicas.map((brokers, partition) => ({
    topic: name,
    partition,
    replicas: [...brokers, ...rotated(brokerIds, partition).filter((id) => !brokers.includes(id))].slice(
      0,
      Math.max(replicationFactor, brokers.length),
    ),
  }));
  const mend =
    brokerIds.length < replicationFactor
      ? `There are ${brokerIds.length} brokers: start more, or set PARLEY_KAFKA_REPLICATION_FACTOR=${fewest}.`
      : `Set PARLEY_KAFKA_REPLICATION_FACTOR=${fewest}, or mend it with: echo '${JSON.stringify({ version: 1, partitions })}' > replicas.json && kafka-reassign-partitions.sh --bootstrap-server ${bootstrap} --reassignment-json-file replicas.json --execute`;
  return [
    {
      topic: name,
      setting: 'replication factor',
      is: String(fewest),
      shouldBe: `at least ${replicationFactor}`,
      why: 'what was accepted could be lost with fewer brokers than PARLEY_KAFKA_REPLICATION_FACTOR says',
      mend,
    },
  ];
}

/** So that the new replicas of many partitions are not all on the same broker. */
function rotated<T>(items: readonly T[], by: number): readonly T[] {
  const place = by % items.length;
  return [...items.slice(place), ...items.slice(0, place)];
}

function settingProblems(
  topic: string,
  setting: TopicSetting,
  found: FoundTopic,
  { bootstrap }: FoundCluster,
  fewest: number,
): TopicProblem[] {
  const { name, why, hint } = setting;
  const mend = `Mend it with: kafka-configs.sh --bootstrap-server ${bootstrap} --alter --entity-type topics --entity-name ${topic} --add-config ${name}=`;
  const is = found.settings[name] ?? 'unknown to these brokers';
  // The required number depends on the actual replicas, which may be more than configured.
  const isInSync = name === inSyncSetting;
  const value = isInSync ? String(leastInSync(fewest)) : setting.value;
  const isTooMany = isInSync && Number(is) > fewest;
  if (isAllowed(is, value, setting.mustBe) && !isTooMany) return [];
  return [
    {
      topic,
      setting: name,
      is,
      shouldBe: setting.mustBe === 'exactly' || isTooMany ? value : `${setting.mustBe} ${value}`,
      why: isTooMany ? `nothing could be accepted with ${fewest} replicas` : why,
      mend: `${hint === undefined ? '' : `${hint} `}${mend}${value}`,
    },
  ];
}

function isAllowed(is: string, value: string, mustBe: TopicSetting['mustBe']): boolean {
  switch (mustBe) {
    case 'exactly':
      return is === value;
    case 'at least':
      return Number(is) >= Number(value);
    case 'at most':
      return Number(is) <= Number(value);
    case 'anything':
      return true;
    default:
      return mustBe satisfies never;
  }
}
