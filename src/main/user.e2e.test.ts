import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { call, clientOf, hangUp } from '../testing/contract.ts';
import { runParley, startServer } from '../testing/server.ts';

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'parley-user-'));
  await writeFile(join(dataDir, 'password'), 'correct horse\nnot this line\n');
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

const user = (...args: string[]) => runParley(['user', ...args], { PARLEY_DATA_DIR: dataDir });

describe('parley user', () => {
  test('makes an account that can sign in at a server that runs, gives it a role, lists and removes it', async () => {
    await using server = await startServer({ dataDir, env: { PARLEY_AUTH: 'accounts', PARLEY_SIGN_UP: 'closed' } });
    const passwordFile = join(dataDir, 'password');
    expect(await user('add', 'dora', '--password-file', passwordFile)).toMatchObject({ code: 0 });
    const again = await user('add', 'DORA', '--password-file', passwordFile);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('user name') });
    const accounts = clientOf('chat.v1.AccountService', server.address);
    try {
      const credentials = { userName: 'dora', password: 'correct horse' };
      const { tokens } = await call(accounts, 'SignIn', credentials);
      expect((await user('list')).stdout).toMatch(new RegExp(`^dora\tclient\t${tokens.clientId}\t`));
      expect(await user('set-role', 'dora', 'operator')).toMatchObject({ code: 0 });
      expect((await user('list')).stdout).toContain('operator');
      expect((await user('set-group', 'dora', 'sales')).stdout).toBe('dora is in the group sales\n');
      expect((await user('list')).stdout).toMatch(/Z\tsales\n$/);
      expect((await user('set-group', 'dora')).stdout).toBe('dora is in no group\n');
      expect((await user('list')).stdout).toMatch(/Z\n$/);
      expect(await user('remove', 'dora')).toMatchObject({ code: 0 });
      expect(await user('list')).toMatchObject({
        stdout: '',
        stderr: expect.stringMatching(/^There are no accounts; /),
      });
      await expect(call(accounts, 'SignIn', credentials)).rejects.toMatchObject({ reason: 'SIGN_IN_FAILED' });
    } finally {
      hangUp(accounts);
    }
  });

  test('gives another password and ends sign-ins, beside a server that runs or not', async () => {
    const passwordFile = join(dataDir, 'password');
    const credentials = { userName: 'dora', password: 'correct horse' };
    {
      await using server = await startServer({ dataDir, env: { PARLEY_AUTH: 'accounts' } });
      const accounts = clientOf('chat.v1.AccountService', server.address);
      const refresh = ({ refreshToken }: { readonly refreshToken: string }) =>
        call(accounts, 'RefreshTokens', { refreshToken });
      try {
        const { tokens } = await call(accounts, 'SignUp', credentials);
        expect(await user('sign-out', 'DORA')).toMatchObject({ code: 0 });
        await expect(refresh(tokens)).rejects.toMatchObject({ reason: 'REFRESH_TOKEN_INVALID' });
        const { tokens: again } = await call(accounts, 'SignIn', credentials);
        await writeFile(passwordFile, 'another horse\n');
        expect(await user('set-password', 'dora', '--password-file', passwordFile)).toMatchObject({ code: 0 });
        await expect(refresh(again)).rejects.toMatchObject({ reason: 'REFRESH_TOKEN_INVALID' });
        await expect(call(accounts, 'SignIn', credentials)).rejects.toMatchObject({ reason: 'SIGN_IN_FAILED' });
        expect(await call(accounts, 'SignIn', { ...credentials, password: 'another horse' })).toBeDefined();
      } finally {
        hangUp(accounts);
      }
      await server.stop('SIGTERM');
    }
    await writeFile(passwordFile, 'iloveyou\n');
    expect(await user('set-password', 'dora', '--password-file', passwordFile)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('too common'),
    });
    expect(await user('sign-out', 'dora')).toMatchObject({ code: 0 });
    expect(await user('sign-out', 'nobody')).toMatchObject({
      code: 1,
      stderr: 'There is no user "nobody". Check the id or the name.\n',
    });
  });

  test('takes a password from a pipe as it is, spaces and all', async () => {
    await using server = await startServer({ dataDir, env: { PARLEY_AUTH: 'accounts' } });
    const accounts = clientOf('chat.v1.AccountService', server.address);
    try {
      const entry = new URL('parley.ts', import.meta.url).pathname;
      const env = { ...process.env, PARLEY_DATA_DIR: dataDir };
      const made = spawnSync(process.execPath, [entry, 'user', 'add', 'eve'], { env, input: ' two spaces \nmore\n' });
      expect(made.stderr.toString()).toBe('');
      await expect(call(accounts, 'SignIn', { userName: 'eve', password: ' two spaces ' })).resolves.toBeDefined();
    } finally {
      hangUp(accounts);
    }
  });

  test('tells what is wrong in a line', async () => {
    const nobody = await user('remove', 'nobody');
    expect(nobody.code).toBe(1);
    expect(nobody.stderr.trim().split('\n')).toHaveLength(1);
    expect((await user('set-role', 'nobody', 'king')).code).toBe(2);
    expect((await user('add', 'no name', '--password-file', join(dataDir, 'password'))).stderr).toBe(
      "The user name is invalid. Use 3 to 64 letters, digits, '.', '_' and '-'.\n",
    );
    expect((await user('add', 'dora', '--password-file', join(dataDir, 'nothing'))).stderr).toMatch(
      /^The password in .*nothing cannot be read: it is not there\.\n$/,
    );
    const nowhere = await runParley(['user', 'list'], { PARLEY_DATA_DIR: join(dataDir, 'nothing') });
    expect(nowhere).toMatchObject({ code: 1, stderr: expect.stringMatching(/^There is no .*nothing: start .*\n$/) });
  });
});
