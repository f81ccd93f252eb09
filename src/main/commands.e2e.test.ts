import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { runParley } from '../testing/server.ts';

test('parley --version is that of the package', async () => {
  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
  expect(await runParley(['--version'], {})).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' });
});

test.each([
  { args: ['usage', '--nope'], told: "unknown option '--nope'" },
  { args: ['xyzzy'], told: "unknown command 'xyzzy'" },
  { args: ['chat', '--address'], told: "option '--address <host:port>' argument missing" },
])('$args is told in two lines, and exits with 2', async ({ args, told }) => {
  const { code, stdout, stderr } = await runParley(args, {});
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toBe(`error: ${told}\nRun the command with --help for its usage.\n`);
});

test('parley open names the page, as the client of the other commands', async () => {
  // Without a PATH there is no browser to be opened.
  const env = { PATH: '', PARLEY_HTTP_LISTEN: '0.0.0.0:8081', XDG_STATE_HOME: join(tmpdir(), 'nothing-there') };
  const { code, stdout } = await runParley(['open', '--client', 'ann@home'], env);
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'http://127.0.0.1:8081/#/as/ann%40home\n' });
});

test('commands go to the server that PARLEY_GRPC_LISTEN names, in the environment or in .env, and end where none is there', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'parley-commands-'));
  try {
    await writeFile(join(folder, '.env'), 'PARLEY_GRPC_LISTEN=0.0.0.0:2\n');
    const byEnvironment = await runParley(['usage'], { PARLEY_GRPC_LISTEN: '127.0.0.1:1' }, folder);
    expect(byEnvironment.stderr).toContain('No server answers at 127.0.0.1:1.');
    const byFile = await runParley(['usage'], {}, folder);
    expect(byFile.stderr).toContain('No server answers at 127.0.0.1:2.');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('CHANGELOG.md says first what this release changes', async () => {
  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
  const releases = [...(await readFile('CHANGELOG.md', 'utf8')).matchAll(/^## (?!Unreleased$)(\S+)$/gm)].map(
    ([, name]) => name,
  );
  expect(releases[0]).toBe(version);
});
