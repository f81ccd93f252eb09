import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { CheckingClient } from '../testing/checking-client.ts';
import { Cluster } from '../testing/cluster.ts';
import { call, clientOf, type Dynamic, hangUp } from '../testing/contract.ts';
import { historyBreaches } from '../testing/oracle.ts';
import { runParley } from '../testing/server.ts';
import { eventually } from '../testing/test-sessions.ts';

/** Enough that something is always being said, and few enough for a slow machine. */
const checkingClientCount = 4;
const pageSize = 50;
/** Often enough to see any switch in its middle; the stand-in for the database looks through all documents for each page. */
const readIntervalMs = 10;

let cluster: Cluster;
const checkingClients: CheckingClient[] = [];
let talking: Promise<unknown> = Promise.resolve();

beforeAll(async () => {
  const env = { PARLEY_SIMULATED_TEXT_DELAY_MS: '200-400', PARLEY_AUTH: 'none' };
  cluster = await Cluster.start({ gateways: 1, workers: 1, projectors: 2, env });
  for (let index = 0; index < checkingClientCount; index += 1)
    checkingClients.push(new CheckingClient({ address: cluster.nextAddress(), shape: 'bidi' }));
  talking = Promise.all(checkingClients.map((checkingClient) => checkingClient.talk()));
  talking.catch(() => undefined);
  await eventually(
    async () => checkingClients.map(({ accepted }) => accepted.length),
    (counts) => Math.min(...counts) > 5,
    60_000,
  );
});
afterAll(async () => {
  for (const checkingClient of checkingClients) checkingClient.giveUp();
  await cluster?.[Symbol.asyncDispose]();
});

const parley = (...args: string[]) => runParley(args, cluster.env);

/** What a command prints that ends well. */
async function printed(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await parley(...args);
  if (code !== 0) throw new Error(`parley ${args.join(' ')} ended with ${code}: ${stdout}${stderr}`);
  return stdout;
}

/** Reads the newest messages of each conversation over and over: what was there once must be there ever after. */
class Readers {
  readonly breaches: string[] = [];
  reads = 0;
  #reading = true;
  readonly #ended: Promise<unknown>;

  constructor() {
    this.#ended = Promise.all(checkingClients.map(({ conversationId }) => this.#read(conversationId)));
  }

  async stop(): Promise<void> {
    this.#reading = false;
    await this.#ended;
  }

  async #read(conversationId: string): Promise<void> {
    const history = clientOf('chat.v1.HistoryService', cluster.nextAddress());
    const seen = new Map<string, number>();
    while (this.#reading) {
      try {
        const page = await call(history, 'ListMessages', { conversationId, pageSize, newestFirst: true });
        this.#check(conversationId, page.messages, seen);
      } catch (error) {
        this.breaches.push(`${conversationId}: ${String(error)}`);
      }
      await sleep(readIntervalMs);
    }
    hangUp(history);
  }

  #check(conversationId: string, messages: readonly Dynamic[], seen: Map<string, number>): void {
    this.reads += 1;
    const found = new Map(messages.map(({ messageId, sequence }) => [messageId as string, Number(sequence)]));
    const oldest = Math.min(...found.values());
    for (const [messageId, sequence] of seen)
      if (sequence >= oldest && !found.has(messageId))
        this.breaches.push(`${conversationId}: ${messageId} of sequence ${sequence} is gone`);
    for (const [messageId, sequence] of found) seen.set(messageId, sequence);
  }
}

describe('while clients talk', () => {
  test('read models are built anew beside the old ones, and readers miss nothing', async () => {
    const readers = new Readers();
    for (const model of ['history', 'active-connections']) {
      expect(await printed('rebuild', model)).toMatch(
        new RegExp(`^${model} rebuilt from [1-9]\\d* records; the one before was `),
      );
    }
    const before = readers.reads;
    await eventually(
      async () => readers.reads,
      (reads) => reads > before + 10 * checkingClientCount,
      60_000,
    );
    await readers.stop();
    expect(readers.breaches).toEqual([]);
  });

  test('the audit looks at everything up to where the log ends when it begins', async () => {
    const { messages, breaches } = JSON.parse(await printed('audit', '--json'));
    expect(breaches).toEqual([]);
    expect(messages.accepted).toBeGreaterThan(5 * checkingClientCount);
  });

  test('the newest records are shown', async () => {
    const stdout = await printed('tail', '--no-follow', '--lines', '30', '--texts');
    expect(stdout.trim().split('\n')).toHaveLength(30);
    expect(stdout).toMatch(/parley\.conversations\/\d@\d+ MessageReceived .*text="Number \d+ of talker-/);
  });

  test('a message is explained from the log', async () => {
    const operations = clientOf('chat.v1.OperationsService', cluster.nextAddress());
    try {
      const messageId = checkingClients[0]?.accepted[3]?.accepted?.messageId;
      const { steps } = await call(operations, 'ExplainMessage', { messageId });
      const events = steps.map(({ event }: Dynamic) => event);
      for (const event of ['MessageReceived', 'ReplyStarted', 'ReplyCompleted']) expect(events).toContain(event);
    } finally {
      hangUp(operations);
    }
  });
});

test('afterwards all is in history, equal to a fresh fold of the log, document by document', async () => {
  for (const checkingClient of checkingClients) checkingClient.stopTalking();
  await talking;
  const breaches = () => historyBreaches(cluster.nextAddress(), checkingClients);
  expect(await eventually(breaches, (found) => found.length === 0, 30_000)).toEqual([]);
  const rebuilt = await eventually(
    () => parley('rebuild', 'history'),
    ({ stdout }) => !stdout.includes('not compared'),
    60_000,
  );
  expect(rebuilt).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('the one before was equal, document by document'),
  });
});

test('accounts are made, listed and removed beside the servers', async () => {
  const passwordFile = join(cluster.members[0]?.server.dataDir ?? '', 'password');
  await writeFile(passwordFile, 'correct horse\n');
  await printed('user', 'add', 'dora', '--password-file', passwordFile);
  await printed('user', 'set-role', 'dora', 'operator');
  expect(await printed('user', 'list')).toMatch(/^dora\toperator\t/);
  await printed('user', 'remove', 'dora');
  expect(await printed('user', 'list')).toBe('');
});

test('an empty deployment is filled with users and conversations to try things out on', async () => {
  const seed = () => runParley(['seed', '--yes'], { ...cluster.env, PARLEY_PREFIX: 'seeded' });
  expect(await seed()).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('3 users and 7 conversations are in seeded'),
  });
  expect(await seed()).toMatchObject({ code: 1, stderr: expect.stringContaining('nothing was added') });
});

test('what works on a data folder says so, and what to do instead', async () => {
  for (const args of [['salvage', 'nowhere'], ['migrate']]) {
    const refused = await parley(...args);
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^parley \w+ works on a data folder, .*\n$/),
    });
  }
  const clean = await parley('clean', '--yes');
  expect(clean).toMatchObject({ code: 1, stderr: expect.stringContaining('--delete --topic parley.conversations') });
  expect(clean.stderr).not.toContain(cluster.engines.mongo.uri);
  const seeded = await parley('seed', '--yes');
  expect(seeded).toMatchObject({ code: 1, stderr: expect.stringContaining('nothing was added') });
});
