import { chmodSync, lstatSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { runParley, startServer } from '../testing/server.ts';

const warning = 'open to other users';

let parent: string;
let dataDir: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'parley-private-'));
  dataDir = join(parent, 'data');
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

const pathsIn = (folder: string) => [
  folder,
  ...readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
];

/** Paths with a permission of group or others. */
const openPaths = () => pathsIn(dataDir).filter((path) => (lstatSync(path).mode & 0o077) !== 0);

const serve = () => startServer({ dataDir, env: { PARLEY_AUTH: 'accounts' } });

// A umask of 022, the usual one, left the log and the read models, with all that is said, to be read by every user of the machine.
test('whatever is written into a new data folder is of its owner only, by the server and by commands', async () => {
  expect(await runParley(['seed', '--yes'], { PARLEY_DATA_DIR: dataDir })).toMatchObject({ code: 0 });
  {
    await using server = await serve();
    const names = pathsIn(dataDir).map((path) => path.slice(dataDir.length + 1));
    expect(names).toEqual(
      expect.arrayContaining(['', 'lock', 'log/log.db', 'log/log.db-wal', 'log/log.db-shm', 'log/head']),
    );
    expect(names).toEqual(expect.arrayContaining(['read-models.db', 'accounts.db', 'media/url-key']));
    expect(names.some((name) => /^media\/parley\/\d{4}-\d\d-\d\d\/.+\.json$/.test(name))).toBe(true);
    expect(openPaths()).toEqual([]);
    expect(server.stderr()).not.toContain(warning);
  }
  const audited = await runParley(['audit'], { PARLEY_DATA_DIR: dataDir });
  expect(audited).toMatchObject({ code: 0 });
  expect(openPaths()).toEqual([]);
});

test('a folder that is open to others is mended at the start, with one warning, and nothing else in it is touched', async () => {
  await (await serve())[Symbol.asyncDispose]();
  for (const path of pathsIn(dataDir)) chmodSync(path, statSync(path).isDirectory() ? 0o755 : 0o644);
  const foreign = join(dataDir, 'notes.txt');
  writeFileSync(foreign, 'not of Parley', { mode: 0o644 });
  {
    await using server = await serve();
    expect(openPaths()).toEqual([foreign]);
    const warnings = server
      .stderr()
      .split('\n')
      .filter((line) => line.includes(warning));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(`${dataDir} (was 0755)`);
    expect(warnings[0]).toContain(`${join(dataDir, 'lock')} (was 0644)`);
    await server.stop('SIGTERM');
  }
  await using again = await serve();
  expect(again.stderr()).not.toContain(warning);
});
