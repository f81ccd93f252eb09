import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { startServer } from '../testing/server.ts';

const run = promisify(execFile);
const script = fileURLToPath(new URL('../../docs/examples/python/conversation.py', import.meta.url));
/** With what requirements.txt names installed. */
const python = process.env['PARLEY_TEST_PYTHON'] ?? 'python3';

test('the Python example holds its conversation', async () => {
  await using server = await startServer({ env: { PARLEY_SIMULATED_PIECE_INTERVAL_MS: '100' } });
  const { stdout } = await run(python, [script, server.address], { timeout: 100_000 });
  expect(stdout).toMatch(/bot: \[audio\/mpeg, \d+ bytes, intact\]/);
  expect(stdout).toMatch(/bot: \[image\/jpeg, \d+ bytes, intact\]/);
  expect(stdout).not.toContain('DAMAGED');
  expect(stdout).toMatch(/PUT \d+ bytes: 201/);
  expect(stdout).toMatch(/stop\n {2}(STOPPED|stopped after \d+ characters)\n/);
  // The answer to it may have both words, too.
  expect(stdout).toMatch(/search for 'still there'\n(?: {2}.+\n)* {2}Are you still there\?\n/);
  expect(stdout).toMatch(/delete\n {2}NOT_FOUND/);
});
