import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { withToken } from '../testing/black-box-client.ts';
import { call, clientOf, type Dynamic, type DynamicClient, hangUp } from '../testing/contract.ts';
import { type ParleyServer, runParley, startServer } from '../testing/server.ts';
import { TestSessions } from '../testing/test-sessions.ts';

const password = 'correct horse';
const guess = 'a wrong guess';

let dataDir: string;
let server: ParleyServer;
let accounts: DynamicClient;
let operations: DynamicClient;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'parley-security-'));
  server = await startServer({ dataDir, env: { PARLEY_AUTH: 'accounts', PARLEY_SIMULATED_TEXT_DELAY_MS: '0' } });
  accounts = clientOf('chat.v1.AccountService', server.address);
  operations = clientOf('chat.v1.OperationsService', server.address);
});
afterAll(async () => {
  hangUp(accounts);
  hangUp(operations);
  await server?.[Symbol.asyncDispose]();
  await rm(dataDir, { recursive: true, force: true });
});

test('who did what to accounts, and what operators did, is listed for operators, by the call and the command', async () => {
  const { tokens: ann } = await call(accounts, 'SignUp', { userName: 'ann', password });
  const { tokens: bob } = await call(accounts, 'SignUp', { userName: 'Bob', password });
  for (const userName of ['BOB', 'bob', password.replace(' ', '-')])
    await expect(call(accounts, 'SignIn', { userName, password: guess })).rejects.toMatchObject({
      reason: 'SIGN_IN_FAILED',
    });
  const list = (request: object, token: string) =>
    call(operations, 'ListSecurityEvents', request, undefined, withToken(token));
  await expect(list({}, ann.accessToken)).rejects.toMatchObject({ reason: 'OPERATOR_REQUIRED' });
  const made = await runParley(['user', 'set-role', 'ann', 'operator'], { PARLEY_DATA_DIR: dataDir });
  expect(made).toMatchObject({ code: 0 });

  await using testSessions = new TestSessions(server, 'bidi');
  const session = testSessions.dial({ clientId: '' }, bob.accessToken);
  await session.welcome();
  await call(operations, 'DisconnectClient', { clientId: bob.clientId }, undefined, withToken(ann.accessToken));
  expect(await session.ended).toMatchObject({ reason: 'DISCONNECTED' });

  const events: Dynamic[] = [];
  for (let pageToken = ''; ; ) {
    const page = await list({ pageSize: 2, pageToken }, ann.accessToken);
    events.push(...page.events);
    pageToken = page.nextPageToken;
    if (pageToken === '') break;
  }
  const event = (kind: string, more: object = {}) =>
    expect.objectContaining({ kind: `SECURITY_EVENT_KIND_${kind}`, count: 1, ...more });
  const { clientId } = bob;
  const address = '127.0.0.1';
  // Attempts of two minutes are two entries.
  const attempts = events.filter(
    ({ kind, userName }) => kind === 'SECURITY_EVENT_KIND_SIGN_IN_FAILED' && userName === 'Bob',
  );
  expect(attempts.reduce((sum, { count }) => sum + count, 0)).toBe(2);
  expect(events).toHaveLength(5 + attempts.length);
  expect(events).toEqual(
    expect.arrayContaining([
      event('SESSION_ENDED', { clientId, operator: ann.clientId, address }),
      event('ROLE_CHANGED', { userName: 'ann', operator: 'command line', detail: 'operator', address: '' }),
      event('SIGN_IN_FAILED', { clientId: '', userName: '', address }),
      event('SIGN_IN_FAILED', { clientId, userName: 'Bob', count: expect.any(Number), address }),
      event('SIGN_UP', { clientId, userName: 'Bob', operator: '', address }),
      event('SIGN_UP', { clientId: ann.clientId, userName: 'ann', address }),
    ]),
  );

  const tokenFile = join(dataDir, 'token');
  await writeFile(tokenFile, ann.accessToken, { mode: 0o600 });
  const shown = await runParley(['security-log', '--address', server.address, '--token-file', tokenFile], {});
  expect(shown).toMatchObject({ code: 0, stderr: '' });
  expect(shown.stdout).toMatch(/sign_in_failed +(?:2 times +)?Bob +127\.0\.0\.1/);
  const stored = `${JSON.stringify(events)}${await readFile(join(dataDir, 'accounts.db-wal'), 'latin1')}`;
  // Not toContain, which would print it.
  for (const secret of [password, guess, password.replace(' ', '-'), ann.accessToken, bob.refreshToken])
    expect(stored.includes(secret)).toBe(false);
});
