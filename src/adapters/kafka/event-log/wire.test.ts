import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { assertKafkajsRelease, kafkajsRelease, prepareKafkajs } from './wire.ts';

describe('the release of kafkajs', () => {
  test('is the one that package.json pins, and the one that is installed', async () => {
    const { dependencies } = JSON.parse(await readFile('package.json', 'utf8')) as { dependencies: object };
    expect(dependencies).toMatchObject({ kafkajs: kafkajsRelease });
    expect(prepareKafkajs).not.toThrow();
  });

  test('is asked for before anything of it is used', () => {
    expect(() => assertKafkajsRelease('2.3.0')).toThrow('kafkajs 2.2.4 is needed, and 2.3.0 is installed: run npm ci');
  });
});
