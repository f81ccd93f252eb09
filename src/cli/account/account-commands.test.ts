import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ScriptedAccounts } from '../../client/testing/scripted-accounts.ts';
import { ScriptedServer } from '../../client/testing/scripted-server.ts';
import type { Outcome } from '../testing/client-process.ts';
import { runClient } from '../testing/client-process.ts';

let server: ScriptedServer;
let accounts: ScriptedAccounts;
let stateHome: string;

beforeEach(async () => {
  stateHome = mkdtempSync(join(tmpdir(), 'parley-cli-'));
  accounts = new ScriptedAccounts();
  server = new ScriptedServer();
  server.services = [accounts.service];
  await server.start();
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(stateHome, { recursive: true });
});

function parley(args: readonly string[], input = ''): Promise<Outcome> {
  return runClient(stateHome, [...args, '--address', server.address], input);
}

describe('an account', () => {
  test('that is made is signed in, speaks with its token, and is signed out', async () => {
    expect(await parley(['sign-up', 'ann'], 'correct horse\r\nmore')).toEqual({
      exitCode: 0,
      output: `Signed in at ${server.address} as ann.\n`,
      errors: '',
    });
    expect(accounts.entries).toEqual([{ call: 'up', userName: 'ann', password: 'correct horse' }]);
    expect(await parley(['chat'], 'hello\n')).toMatchObject({ exitCode: 0, output: 'You said: hello\n' });
    expect(server.hellos).toMatchObject([{ clientId: 'ann-1' }]);
    expect(await parley(['sign-out'])).toEqual({ exitCode: 0, output: 'ann is signed out.\n', errors: '' });
    expect(accounts.signedOut).toEqual(['refresh-1']);
    await parley(['chat'], 'hello\n');
    expect(server.authorizations).toEqual(['Bearer access-1', '']);
    expect((await parley(['sign-out'])).output).toBe(`Nobody is signed in at ${server.address}.\n`);
  });

  // Cause: at a server that has no accounts any more it was told that the sign-out had worked, and then that it had not.
  test('is signed out of a server that has no accounts any more', async () => {
    await parley(['sign-in', 'ann'], 'correct horse\n');
    accounts.refusal = { code: status.UNIMPLEMENTED, reason: 'ACCOUNTS_OFF', detail: 'No accounts here.' };
    expect(await parley(['sign-out'])).toEqual({ exitCode: 0, output: 'ann is signed out.\n', errors: '' });
  });

  test('is entered with a password from a file', async () => {
    const file = join(stateHome, 'password');
    writeFileSync(file, 'from a file\nnot this');
    await parley(['sign-in', 'ann', '--password-file', file]);
    expect(accounts.entries).toEqual([{ call: 'in', userName: 'ann', password: 'from a file' }]);
    expect(await parley(['sign-in', 'ann', '--password-file', `${file}2`])).toMatchObject({
      exitCode: 1,
      errors: `The password in ${file}2 cannot be read: it is not there.\n`,
    });
  });

  test('gets another password, and goes on with the tokens that came with it', async () => {
    await parley(['sign-in', 'ann'], 'correct horse\n');
    expect(await parley(['change-password'], 'correct horse\r\nanother horse\n')).toEqual({
      exitCode: 0,
      output: 'ann has a new password; all other sign-ins are ended.\n',
      errors: '',
    });
    expect(accounts.passwordChanges).toEqual([
      { oldPassword: 'correct horse', newPassword: 'another horse', authorization: 'Bearer access-1' },
    ]);
    await parley(['chat'], 'hello\n');
    expect(server.authorizations).toEqual(['Bearer access-2']);
    const file = join(stateHome, 'new');
    writeFileSync(file, 'from a file\n');
    await parley(['change-password', '--password-file', file], 'another horse\n');
    expect(accounts.passwordChanges[1]).toMatchObject({ oldPassword: 'another horse', newPassword: 'from a file' });
  });

  test('keeps its tokens when the old password is wrong, or the new one missing', async () => {
    await parley(['sign-in', 'ann'], 'correct horse\n');
    expect(await parley(['change-password'], 'correct horse\n')).toMatchObject({ exitCode: 1, output: '' });
    expect(accounts.passwordChanges).toEqual([]);
    accounts.refusal = { code: status.PERMISSION_DENIED, reason: 'PASSWORD_WRONG', detail: 'The old one is wrong.' };
    expect(await parley(['change-password'], 'guess\nanother horse\n')).toMatchObject({
      exitCode: 1,
      errors: expect.stringContaining('PASSWORD_WRONG'),
    });
    accounts.refusal = undefined;
    await parley(['chat'], 'hello\n');
    expect(server.authorizations).toEqual(['Bearer access-1']);
  });

  test('is signed out everywhere, with a token that was renewed for it', async () => {
    accounts.lifetimeMs = 1;
    await parley(['sign-in', 'ann'], 'correct horse\n');
    accounts.lifetimeMs = 900_000;
    expect(await parley(['sign-out', '--everywhere'])).toEqual({
      exitCode: 0,
      output: 'ann is signed out everywhere.\n',
      errors: '',
    });
    expect(accounts.signedOutEverywhere).toEqual(['Bearer access-2']);
    expect(await parley(['sign-out', '--everywhere'])).toMatchObject({
      exitCode: 1,
      errors: expect.stringContaining('Nobody is signed in'),
    });
    expect(await parley(['change-password'], 'a\nb\n')).toMatchObject({ exitCode: 1 });
  });

  test('takes no option that would change nothing', async () => {
    for (const option of ['--client=bob', '--time-zone=Asia/Tokyo', '--token-file=token'])
      expect(await parley(['sign-in', 'ann', option], 'correct horse\n')).toMatchObject({ exitCode: 2 });
    expect(accounts.entries).toEqual([]);
  });

  test('is not entered without a password, or with a wrong one', async () => {
    expect(await parley(['sign-in', 'ann'])).toMatchObject({ exitCode: 1, output: '' });
    expect(accounts.entries).toEqual([]);
    accounts.refusal = { code: status.UNAUTHENTICATED, reason: 'SIGN_IN_FAILED', detail: 'Wrong.' };
    expect(await parley(['sign-in', 'ann'], 'guess\n')).toEqual({
      exitCode: 1,
      output: '',
      errors: 'SIGN_IN_FAILED: Wrong — try again.\n',
    });
  });

  test('is asked for where it is needed', async () => {
    server.refusals.push({ code: status.UNAUTHENTICATED, reason: 'UNAUTHENTICATED', detail: 'No credentials.' });
    expect(await parley(['chat'], 'hello\n')).toEqual({
      exitCode: 1,
      output: '',
      errors:
        'UNAUTHENTICATED: No credentials — use `parley sign-in NAME`, or `parley sign-up NAME` for a new account, or --token-file.\n',
    });
  });

  test('may be another program’s: its token comes from a file', async () => {
    const file = join(stateHome, 'token');
    writeFileSync(file, 'from.elsewhere\n');
    expect(await parley(['chat', '--token-file', file], 'hello\n')).toMatchObject({ exitCode: 0 });
    expect(server.authorizations).toEqual(['Bearer from.elsewhere']);
    expect(server.hellos).toMatchObject([{ clientId: '' }]);
    await parley(['chat', '--token-file', file], 'again\n');
    expect(server.hellos[1]).toMatchObject({ resumeToken: 'token-1', conversationId: 'c1' });
  });
});
