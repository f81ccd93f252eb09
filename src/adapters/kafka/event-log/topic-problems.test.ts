import { describe, expect, test } from '@jest/globals';
import { topicDefinitions } from './topic-definitions.ts';
import { type FoundTopic, problemsOf } from './topic-problems.ts';

const cluster = { bootstrap: 'a:9092,b:9092,c:9092', brokerIds: [1, 2, 3] };
const [, conversations] = topicDefinitions({ prefix: 'p', partitions: 2, replicationFactor: 3 });

function problems(replicas: FoundTopic['replicas'], settings: Record<string, string> = {}) {
  if (conversations === undefined) throw new Error('no definition of the conversations');
  const asDefined = Object.fromEntries(conversations.settings.map(({ name, value }) => [name, value]));
  return problemsOf(conversations, { replicas, settings: { ...asDefined, ...settings } }, cluster);
}

describe('what is wrong with a topic of three replicas', () => {
  const right = [
    [1, 2, 3],
    [3, 1, 2],
  ];

  test('nothing, when it is as it was made', () => {
    expect(problems(right)).toEqual([]);
  });

  test('too few in sync, or more than there are', () => {
    expect(problems(right, { 'min.insync.replicas': '3' })).toEqual([]);
    for (const is of ['1', '4']) {
      expect(problems(right, { 'min.insync.replicas': is })).toEqual([
        expect.objectContaining({
          setting: 'min.insync.replicas',
          is,
          mend: 'Mend it with: kafka-configs.sh --bootstrap-server a:9092,b:9092,c:9092 --alter --entity-type topics --entity-name p.conversations --add-config min.insync.replicas=2',
        }),
      ]);
    }
  });

  test('what is enough in sync depends on the replicas that there are, once they are enough', () => {
    const four = [
      [1, 2, 3, 4],
      [2, 3, 4, 1],
    ];
    expect(problems(four)).toEqual([
      expect.objectContaining({ setting: 'min.insync.replicas', shouldBe: 'at least 3' }),
    ]);
    const few = problems([[1], [2]], { 'min.insync.replicas': '1' });
    expect(few.map(({ setting }) => setting)).toEqual(['replication factor']);
  });

  test('a partition with fewer, which is mended by giving it others', () => {
    const [problem, ...others] = problems([[3], [1, 2, 3]]);
    expect(others).toEqual([]);
    expect(problem).toMatchObject({ setting: 'replication factor', is: '1', shouldBe: 'at least 3' });
    const reassignment = /echo '(.*)' > replicas[.]json && kafka-reassign-partitions[.]sh/.exec(problem?.mend ?? '');
    expect(JSON.parse(reassignment?.[1] ?? '')).toEqual({
      version: 1,
      partitions: [
        { topic: 'p.conversations', partition: 0, replicas: [3, 1, 2] },
        { topic: 'p.conversations', partition: 1, replicas: [1, 2, 3] },
      ],
    });
  });

  test('a setting that the brokers do not know', () => {
    expect(problems(right, { 'retention.ms': 'unknown to these brokers' })).toHaveLength(1);
  });
});
