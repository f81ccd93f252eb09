import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { topicDefinitions } from '../../adapters/kafka/event-log/topic-definitions.ts';
import { askedTopics, topicsScript, wordsAfter } from './testing/topics-script.ts';

test.each([
  ['by default', {}, { prefix: 'parley', partitions: 10, replicationFactor: 3 }],
  [
    'as configured',
    { PREFIX: 'chat', PARTITIONS: '4', REPLICATION_FACTOR: '1' },
    { prefix: 'chat', partitions: 4, replicationFactor: 1 },
  ],
])('create-topics.sh makes what the processes would make, %s', (_, env, spec) => {
  const wanted = topicDefinitions(spec).map(({ settings, ...topic }) => ({
    ...topic,
    settings: settings.map(({ name, value }) => `${name}=${value}`).sort(),
  }));
  expect(askedTopics(env).map(({ words: _words, ...topic }) => topic)).toEqual(wanted);
});

test('create-topics.sh passes on how Kafka is reached, and asks for a broker', () => {
  for (const { words } of askedTopics({}, ['--command-config', 'client.properties'])) {
    expect(wordsAfter(words, '--bootstrap-server')).toEqual(['broker:9092']);
    expect(wordsAfter(words, '--command-config')).toEqual(['client.properties']);
  }
  expect(() => execFileSync(topicsScript, [], { stdio: 'pipe' })).toThrow('HOST:PORT');
});
