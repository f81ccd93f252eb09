import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type ParleyServer, runParley, startServer } from '../testing/server.ts';
import { TestSessions } from '../testing/test-sessions.ts';

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'parley-clean-'));
});
let server: ParleyServer | undefined;
afterEach(async () => {
  await server?.[Symbol.asyncDispose]();
  await rm(dataDir, { recursive: true, force: true });
});

async function serverThatWasTalkedTo(prefix: string): Promise<ParleyServer> {
  server = await startServer({
    dataDir,
    env: { PARLEY_PREFIX: prefix, PARLEY_SIMULATED_TEXT_DELAY_MS: '0' },
  });
  await using testSessions = new TestSessions(server, 'bidi');
  const { session } = await testSessions.connect();
  await session.ask('Hello?');
  return server;
}

describe('parley clean', () => {
  test('removes what carries the prefix, and leaves what does not', async () => {
    server = await serverThatWasTalkedTo('one');
    await server.stop('SIGTERM');
    await mkdir(join(dataDir, 'media', 'two', '2026-01-01'), { recursive: true });
    await mkdir(join(dataDir, 'media', 'one', '2026-01-01'), { recursive: true });
    await writeFile(join(dataDir, 'media', 'two', '2026-01-01', 'object'), 'bytes');
    await writeFile(join(dataDir, 'notes.txt'), 'mine');
    const { code, stdout } = await runParley(['clean', '--yes'], { PARLEY_DATA_DIR: dataDir, PARLEY_PREFIX: 'one' });
    expect(code).toBe(0);
    expect(stdout).toContain('Left in');
    expect((await readdir(dataDir)).toSorted()).toEqual(['media', 'notes.txt']);
    expect((await readdir(join(dataDir, 'media'))).toSorted()).toEqual(['two', 'url-key', 'version']);
  });

  test('removes the whole folder when nothing else is in it', async () => {
    server = await serverThatWasTalkedTo('one');
    await server.stop('SIGTERM');
    expect((await runParley(['clean', '--yes'], { PARLEY_DATA_DIR: dataDir, PARLEY_PREFIX: 'one' })).code).toBe(0);
    expect(existsSync(dataDir)).toBe(false);
  });

  test('removes nothing when the prefix is not typed, of another prefix, or while a server runs', async () => {
    server = await serverThatWasTalkedTo('one');
    const before = (await readdir(dataDir)).toSorted();
    const running = await runParley(['clean', '--yes'], { PARLEY_DATA_DIR: dataDir, PARLEY_PREFIX: 'one' });
    expect(running).toMatchObject({ code: 1, stderr: expect.stringContaining('in use') });
    await server.stop('SIGTERM');
    const other = await runParley(['clean', '--yes'], { PARLEY_DATA_DIR: dataDir, PARLEY_PREFIX: 'two' });
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('not of the prefix two') });
    const untyped = await runParley(['clean'], { PARLEY_DATA_DIR: dataDir, PARLEY_PREFIX: 'one' });
    expect(untyped).toMatchObject({ code: 1, stdout: expect.stringContaining('Nothing was removed') });
    expect((await readdir(dataDir)).filter((name) => before.includes(name)).toSorted()).toEqual(
      before.filter((name) => !/-(wal|shm|journal)$/.test(name)),
    );
  });
});
