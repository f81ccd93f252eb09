import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { runParley } from '../testing/server.ts';

test('parley --version is that of the package', async () => {
  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
  expect(await runParley(['--version'], {})).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' });
});

test.each([
  { args: ['usage', '--nope'], told: "unknown option '--nope'" },
  { args: ['nope'], told: "unknown command 'nope'" },
  { args: ['chat', '--address'], told: "option '--address <host:port>' argument missing" },
])('$args is told in two lines, and exits with 2', async ({ args, told }) => {
  const { code, stdout, stderr } = await runParley(args, {});
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toBe(`error: ${told}\n\`--help\` behind the command tells how it is called.\n`);
});
