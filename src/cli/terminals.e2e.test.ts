import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type ParleyServer, startServer } from '../testing/server.ts';
import { Terminal } from './testing/terminal.ts';

const parley = fileURLToPath(new URL('../main/parley.ts', import.meta.url));
let server: ParleyServer;
let stateHome: string;

beforeAll(async () => {
  stateHome = await mkdtemp(join(tmpdir(), 'parley-terminals-'));
  server = await startServer({ env: { PARLEY_SIMULATED_TEXT_DELAY_MS: '0' } });
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  if (stateHome !== undefined) await rm(stateHome, { recursive: true, force: true });
});

function chat(...options: readonly string[]): Terminal {
  const command = [process.execPath, parley, 'chat', '--address', server.address, ...options].join(' ');
  return new Terminal(command, { XDG_STATE_HOME: stateHome });
}

test('a second terminal asks before it takes the session over, and leaves it where the answer is not yes', async () => {
  await using first = chat('--client', 'ann');
  await first.sees('Connected to conversation');
  first.types('Good morning!\n');
  await first.sees('bot: ');

  await using second = chat('--client', 'ann');
  await second.sees('Another chat (process ');
  await second.sees('Take it over? Type yes: ');
  second.types('no\n');
  expect(await second.exitCode).toBe(1);
  first.types('Are you still there?\n');
  await first.sees('bot: ');

  await using third = chat('--client', 'ann');
  await third.sees('Take it over? Type yes: ');
  third.types('yes\n');
  await third.sees('you: Are you still there?');
  expect(await first.exitCode).toBe(1);
  await first.sees('SESSION_TAKEN_OVER');
  third.types('And here?\n');
  await third.sees('bot: ');
  third.types('/quit\n');
  expect(await third.exitCode).toBe(0);

  await using fourth = chat('--client', 'ann');
  await fourth.sees('Connected to conversation');
});

// Cause: a person is another client in each browser, and of what was said there the list was silent.
test('where this machine’s own client has no conversations, a chat says where others may be', async () => {
  await using terminal = chat();
  await terminal.sees('Connected to conversation');
  terminal.types('/conversations\n');
  await terminal.sees('No conversations of ');
  await terminal.sees('`parley open` opens one as this client');
});
