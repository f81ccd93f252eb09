import { appendFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mediaFilesOf } from '../testing/media-files.ts';
import { runParley, startServer } from '../testing/server.ts';
import { TestSessions } from '../testing/test-sessions.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-backup-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const path = (name: string) => join(folder, name);
const parley = (dataDir: string, ...args: string[]) => runParley(args, { PARLEY_DATA_DIR: path(dataDir) });

test('a backup that is made while a server is talked to has all that was accepted before, and is served when it is restored', async () => {
  expect(await parley('data', 'seed', '--yes')).toMatchObject({ code: 0 });
  await using server = await startServer({ dataDir: path('data'), env: { PARLEY_SIMULATED_TEXT_DELAY_MS: '0' } });
  await using testSessions = new TestSessions(server, 'bidi');
  const { session } = await testSessions.connect();
  const { accepted } = await session.ask('Is this in the backup?');
  let isBackedUp = false;
  const talk = async () => {
    while (!isBackedUp) await session.ask('And this, perhaps?');
  };
  const talking = talk();
  const backedUp = await parley('data', 'backup', path('backup'));
  isBackedUp = true;
  await talking;
  expect(backedUp).toMatchObject({ code: 0, stderr: '' });
  expect(backedUp.stdout).toMatch(/^\d+ records, \d+ media objects, the accounts copied to .*, and checked\n$/);
  await server.stop('SIGTERM');

  expect(await parley('restored', 'restore', path('backup'))).toMatchObject({ code: 0 });
  expect(mediaFilesOf(path('restored'))).toEqual(mediaFilesOf(path('data')));
  expect((await parley('restored', 'user', 'list')).stdout).toBe((await parley('data', 'user', 'list')).stdout);
  expect(await parley('restored', 'audit')).toMatchObject({ code: 0 });
  const { stdout } = await parley('restored', 'tail', '--no-follow', '--lines', '100000');
  expect(stdout).toContain(`MessageReceived messageId=${accepted.messageId}`);
  await using again = await startServer({ dataDir: path('restored'), env: { PARLEY_SIMULATED_TEXT_DELAY_MS: '0' } });
  await using others = new TestSessions(again, 'bidi');
  await (await others.connect()).session.ask('Is anybody there?');
});

test('nothing is copied over what is there, and what is damaged is not taken for a backup', async () => {
  expect(await parley('data', 'seed', '--yes')).toMatchObject({ code: 0 });
  expect(await parley('data', 'backup', path('backup'))).toMatchObject({ code: 0 });
  for (const args of [
    ['backup', path('backup')],
    ['restore', path('backup')],
  ]) {
    const refused = await parley('data', ...args);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/^.* is not empty; name a folder that is not there yet\n$/);
  }
  // Cause: what the system says of a path was told in its own terms.
  expect(await parley('data', 'backup', join(path('data'), 'log', 'log.db', 'backup'))).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/log\.db\/backup: a part of the path is no folder\n$/),
  });
  const [damaged = ''] = mediaFilesOf(path('data')).filter((name) => !name.endsWith('.json'));
  appendFileSync(join(path('data'), damaged), 'x');
  const partly = await parley('data', 'backup', path('partly'));
  expect(partly).toMatchObject({ code: 1, stdout: expect.stringContaining(`missing: ${damaged}: its bytes`) });
});
