import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { MessageRefused } from '../testing/black-box-client.ts';
import { CheckingClient, outstanding } from '../testing/checking-client.ts';
import { conversationEntries, processingOf } from '../testing/log-oracle.ts';
import { historyBreaches, historyHolds, wholeConversation } from '../testing/oracle.ts';
import { seededRandom } from '../testing/random.ts';
import { type ParleyServer, runParley, startServer } from '../testing/server.ts';
import { eventually, TestSessions } from '../testing/test-sessions.ts';
import { readModelsPath } from './data-folder.ts';

const clients = 10;
const messagesEach = 20;
const damagesPerFile = 50;
const fast = { PARLEY_SIMULATED_TEXT_DELAY_MS: '0', PARLEY_SIMULATED_PIECES: '2' };

let server: ParleyServer | undefined;

afterEach(async () => {
  await server?.[Symbol.asyncDispose]();
  server = undefined;
});

/** The files of the read models, which can be made again. */
async function readModelFiles(dataDir: string): Promise<string[]> {
  const path = readModelsPath(dataDir);
  const names = await readdir(dataDir);
  return names.map((name) => join(dataDir, name)).filter((file) => file.startsWith(path));
}

async function damage(file: string, random: () => number): Promise<void> {
  const { size } = await stat(file);
  const handle = await open(file, 'r+');
  for (let times = 0; times < damagesPerFile && size > 0; times += 1) {
    const junk = Buffer.from(Array.from({ length: 64 }, () => Math.floor(random() * 256)));
    await handle.write(junk, 0, junk.length, Math.floor(random() * size));
  }
  await handle.close();
}

describe('read models are rebuilt by themselves at start', () => {
  const faults: [string, (file: string, random: () => number) => Promise<void>][] = [
    ['deleted', (file) => rm(file)],
    ['damaged in random places', damage],
    ['emptied', (file) => writeFile(file, '')],
    ['something else', (file) => writeFile(file, 'this is no database'.repeat(1_000))],
  ];

  test.each(faults)('when they are %s', async (_what, fault) => {
    const random = seededRandom();
    server = await startServer({ env: fast });
    const { address, dataDir } = server;
    const checkingClients = Array.from({ length: clients }, () => new CheckingClient({ address, shape: 'bidi' }));
    await Promise.all(
      checkingClients.map(async (checkingClient) => {
        for (let index = 0; index < messagesEach; index += 1) await checkingClient.sayOne(`Number ${index}`);
        checkingClient.drop();
      }),
    );
    const whole = () =>
      Promise.all(checkingClients.map((checkingClient) => wholeConversation(address, checkingClient.conversationId)));
    const before = await eventually(
      whole,
      (conversations) =>
        conversations.every((messages) => messages.length === 2 * messagesEach) &&
        conversations.flat().every((message) => message.status === 'MESSAGE_STATUS_COMPLETED'),
      30_000,
    );
    await server.stop('SIGKILL');
    const files = await readModelFiles(dataDir);
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) await fault(file, random);
    server = await server.restart();
    const after = await eventually(whole, (conversations) =>
      conversations.every((messages) => messages.length === 2 * messagesEach),
    );
    expect(after).toEqual(before);
    expect(await historyBreaches(address, checkingClients)).toEqual([]);
    await using testSessions = new TestSessions(server, 'bidi');
    const { session } = await testSessions.connect();
    expect((await session.ask('All there?')).reply.status).toBe('MESSAGE_STATUS_COMPLETED');
  });
});

const diskMib = 24;
const serviceAgainMs = 30_000;

/** What takes the log its room, and gives it back. */
interface Shortage {
  begin(): Promise<void>;
  end(): Promise<void>;
}

function mountSmallDisk(): string | undefined {
  const disk = mkdtempSync(join(tmpdir(), 'parley-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskMib}m`, 'tmpfs', disk], { stdio: 'ignore' });
    return disk;
  } catch {
    rmSync(disk, { recursive: true });
    return undefined;
  }
}

// Mounting a disk small enough to fill takes a right that root in a container does not always have: where it is refused, the
// limit on the size of files below is what stops the log's writes.
const disk = mountSmallDisk();

afterAll(() => {
  if (disk === undefined) return;
  execFileSync('umount', ['-l', disk]);
  rmSync(disk, { recursive: true });
});

(disk === undefined ? test.skip : test)(
  'a full disk: nothing is accepted that is not durable, and there is service again once there is room',
  async () => {
    const mounted = disk ?? '';
    const ballast = join(mounted, 'ballast');
    await mkdir(join(mounted, 'data'));
    server = await startServer({ env: fast, dataDir: join(mounted, 'data') });
    await withoutRoom(server, { begin: () => fill(ballast), end: () => rm(ballast) });
  },
);

const isLinux = process.platform === 'linux';

// Linux has prlimit, which changes the limits of a process that runs.
(isLinux ? test : test.skip)(
  'files that may not grow: nothing is accepted that is not durable, and there is service again once they may',
  async () => {
    server = await startServer({ env: fast });
    const { pid } = server;
    const limit = (bytes: string) => {
      execFileSync('prlimit', ['--pid', `${pid}`, `--fsize=${bytes}:unlimited`]);
      return Promise.resolve();
    };
    await withoutRoom(server, { begin: () => limit('4096'), end: () => limit('unlimited') });
  },
);

/** Fills what is left of the disk, so that not a page more can be written. */
async function fill(file: string): Promise<void> {
  const handle = await open(file, 'a');
  const writes = async (bytes: number) => {
    for (;;) await handle.write(Buffer.alloc(bytes));
  };
  for (const bytes of [65_536, 4_096, 1]) await writes(bytes).catch(() => {});
  await handle.close();
}

async function withoutRoom(running: ParleyServer, shortage: Shortage): Promise<void> {
  const { address } = running;
  await using testSessions = new TestSessions(running, 'bidi');
  const { session, welcome } = await testSessions.connect();
  const checkingClients = Array.from({ length: clients }, () => new CheckingClient({ address, shape: 'bidi' }));
  const talks = checkingClients.map((checkingClient) => checkingClient.talk());
  const accepted = [(await session.ask('while there is room')).accepted.messageId];
  await shortage.begin();
  let refused: unknown;
  // The log may have pages to spare: it is full when it says so.
  for (let index = 0; refused === undefined; index += 1) {
    await session.text('a'.repeat(8_000), `fill-${index}`).then(
      ({ messageId }) => accepted.push(messageId),
      (error: unknown) => {
        if (!(error instanceof MessageRefused) || error.reason !== 'TOO_MANY_PENDING') refused = error;
      },
    );
  }
  expect(refused).toMatchObject({ reason: 'LOG_UNAVAILABLE', retryable: true });
  await shortage.end();
  const freed = performance.now();
  const again = async () => {
    const { session: back } = await testSessions.connect({ waitForSlotMs: 1_000 });
    return back.text('Is there room?');
  };
  await eventually(
    () => again().catch(() => undefined),
    (answer) => answer !== undefined,
    serviceAgainMs,
  );
  console.info(`service again ${(performance.now() - freed).toFixed(0)} ms after there was room`);
  for (const checkingClient of checkingClients) checkingClient.stopTalking();
  await Promise.all(talks);
  await historyHolds(address, checkingClients);
  await eventually(
    async () => {
      const stored = await wholeConversation(address, welcome.conversationId);
      return accepted.filter((messageId) => !stored.some((message) => message.messageId === messageId));
    },
    (missing) => missing.length === 0,
  );
  for (const checkingClient of checkingClients) checkingClient.drop();
  expect(await running.stop('SIGTERM')).toEqual({ code: 0, signal: null });
  expect(processingOf(await conversationEntries(running.dataDir)).breaches).toEqual([]);
  expect(await runParley(['audit', '--json'], { PARLEY_DATA_DIR: running.dataDir })).toMatchObject({ code: 0 });
}

// 413 messages were once accepted into files that had been removed, and were gone with the process.
describe('a data folder that is taken away while clients talk', () => {
  // The server makes files while they are removed.
  const displacements: [string, (dataDir: string) => Promise<void>][] = [
    ['removed', (dataDir) => rm(dataDir, { recursive: true, maxRetries: 10 })],
    ['renamed', (dataDir) => rename(dataDir, `${dataDir}.away`)],
  ];

  test.each(displacements)(
    'and is %s: nothing more is accepted, and the process ends and reports why',
    async (_what, displace) => {
      const folder = mkdtempSync(join(tmpdir(), 'parley-displaced-'));
      server = await startServer({ env: fast, dataDir: join(folder, 'data') });
      const { address, dataDir } = server;
      const checkingClients = Array.from({ length: clients }, () => new CheckingClient({ address, shape: 'bidi' }));
      const talks = checkingClients.map((checkingClient) => checkingClient.talk());
      const accepted = () => checkingClients.flatMap((checkingClient) => checkingClient.accepted).length;
      try {
        await eventually(
          async () => accepted(),
          (count) => count > clients,
        );
        await displace(dataDir);
        const whenDisplaced = accepted();
        expect(await server.exited).toEqual({ code: 1, signal: null });
        // Committed before, and reported after: at most what was on its way.
        expect(accepted() - whenDisplaced).toBeLessThanOrEqual(clients * outstanding);
        expect(server.stderr()).toMatch(/data\/\S+ is no longer there/);
      } finally {
        for (const checkingClient of checkingClients) checkingClient.giveUp();
        await Promise.allSettled(talks);
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
});
