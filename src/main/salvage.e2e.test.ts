import { appendFileSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mediaFilesOf } from '../testing/media-files.ts';
import { runParley } from '../testing/server.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-salvage-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const parley = (dataDir: string, ...args: string[]) => runParley(args, { PARLEY_DATA_DIR: join(folder, dataDir) });

async function accountsIn(dataDir: string): Promise<string> {
  return (await parley(dataDir, 'user', 'list')).stdout;
}

// It copied the log alone, and said that nothing was missing.
test('salvage takes accounts and media along, and says what of them is missing', async () => {
  expect(await parley('old', 'seed', '--yes')).toMatchObject({ code: 0 });
  const salvaged = await parley('old', 'salvage', join(folder, 'new'));
  expect(salvaged).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing is missing\n') });
  expect(salvaged.stdout).toMatch(/^\d+ media objects copied$/m);
  expect(await accountsIn('new')).toBe(await accountsIn('old'));
  expect(mediaFilesOf(join(folder, 'new'))).toEqual(mediaFilesOf(join(folder, 'old')));
  expect(await parley('new', 'audit')).toMatchObject({ code: 0 });

  const [damaged = '', gone = ''] = mediaFilesOf(join(folder, 'old')).filter((name) => !name.endsWith('.json'));
  appendFileSync(join(folder, 'old', damaged), 'x');
  rmSync(join(folder, 'old', `${gone}.json`));
  const partly = await parley('old', 'salvage', join(folder, 'partly'));
  expect(partly).toMatchObject({ code: 0, stdout: expect.stringContaining('missing: ') });
  expect(partly.stdout).toContain(`missing: ${damaged}: its bytes are not those that it is described by`);
  expect(partly.stdout).toContain(`missing: ${gone}: its description is missing or damaged`);
  expect(partly.stdout).not.toContain('nothing is missing');
});

// It ended with the stack of a TypeError.
test('salvage refuses a folder that has a log, in one line', async () => {
  expect(await parley('old', 'seed', '--yes')).toMatchObject({ code: 0 });
  expect(await parley('old', 'salvage', join(folder, 'old'))).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^[^\n]+\n$/),
  });
  await parley('old', 'salvage', join(folder, 'new'));
  const again = await parley('old', 'salvage', join(folder, 'new'));
  expect(again).toMatchObject({ code: 1, stdout: '' });
  expect(again.stderr).toBe(`${join(folder, 'new')} has a log already; name a folder that is not there yet\n`);
});
