import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Kafka, logLevel } from 'kafkajs';
import { freePort } from './free-port.ts';
import { listens, outputUntil, runScript, until } from './testing/processes.ts';

let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-lifetime-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
});

test('engines, frozen ones too, end with a parent that is killed, and their folders go', async () => {
  const parent = runScript('start-all.ts', [], { ...process.env, TMPDIR: folder });
  const { ports } = JSON.parse(await outputUntil(parent, /\n/)) as { ports: number[] };
  expect(await Promise.all(ports.map(listens))).toEqual([true, true, true, true]);
  expect(await readdir(folder)).toHaveLength(4);

  parent.kill('SIGKILL');

  await until('nobody listens', async () => !(await Promise.all(ports.map(listens))).includes(true));
  await until('no folder is left', async () => (await readdir(folder)).length === 0);
});

describe('npm run engines', () => {
  test('says when it is ready and with what settings, ends all on a signal, and finds its data again', async () => {
    const ports = [await freePort(), await freePort(), await freePort(), await freePort()];
    const options = ['kafka', 'mongo', 'nats', 's3'].flatMap((name, index) => [`--${name}-port`, String(ports[index])]);
    const broker = `127.0.0.1:${ports[0]}`;
    const topics: string[][] = [];
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const engines = runScript('../run.ts', [...options, '--data-dir', folder]);
      const said = await outputUntil(engines, /^engines ready$/m);
      expect(said).toContain(`PARLEY_KAFKA_BROKERS=${broker}\n`);
      const admin = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING }).admin();
      await admin.connect();
      topics.push(await admin.listTopics());
      await admin.createTopics({ topics: [{ topic: 'kept' }] });
      await admin.disconnect();

      engines.kill(signal);
      expect(await once(engines, 'exit')).toEqual([0, null]);
      expect((await Promise.all(ports.map(listens))).includes(true)).toBe(false);
    }
    expect(topics).toEqual([[], ['kept']]);
  });
});

describe('an installation', () => {
  async function install(env: NodeJS.ProcessEnv): Promise<string> {
    const child = runScript('install-nats.ts', [], { ...process.env, ENGINES_DIR: folder, ...env });
    const [said] = await Promise.all([outputUntil(child, /\n/), once(child, 'exit')]);
    return said.trim();
  }

  test('of two processes at once is one whole folder, with nothing beside it', async () => {
    const said = await Promise.all([install({}), install({})]);

    const [name = '', ...others] = await readdir(folder);
    expect(others).toEqual([]);
    expect(said).toEqual([`installed ${join(folder, name)}`, `installed ${join(folder, name)}`]);
    expect(await readdir(join(folder, name))).toEqual(['nats-server']);
  });

  test('names the tool that is missing, and leaves nothing behind', async () => {
    const said = await install({ PATH: folder });

    expect(said).toContain('nats needs `go`');
    expect(await readdir(folder)).toEqual([]);
  });
});
