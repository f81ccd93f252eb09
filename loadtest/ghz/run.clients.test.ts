import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { runParley, startServer } from '../../src/testing/server.ts';
import { number } from '../markdown.ts';

// The first one may have to install ghz.
jest.setTimeout(10 * 60_000);

const script = fileURLToPath(new URL('run.ts', import.meta.url));
const names = readdirSync(new URL('calls/', import.meta.url), 'utf8').map((file) => file.replace('.json', ''));
const quick = { PARLEY_SIMULATED_TEXT_DELAY_MS: '0' };
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-ghz-test-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function loadByGhz(...args: string[]) {
  return loadByGhzIn(process.env, ...args);
}

async function loadByGhzIn(env: NodeJS.ProcessEnv, ...args: string[]) {
  const child = spawn(process.execPath, [script, ...args], { env, cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    said.stdout += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    said.stderr += String(chunk);
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  return { code, ...said };
}

function callsOf(out: string, name: string) {
  return JSON.parse(readFileSync(join(out, `${name}.json`), 'utf8')) as { status: string; latency: number }[];
}

/** How many of the calls that were written ended with each code. */
function codesOf(out: string, name: string): Record<string, number> {
  const calls = callsOf(out, name);
  const codes: Record<string, number> = {};
  for (const { status } of calls) codes[status] = (codes[status] ?? 0) + 1;
  return codes;
}

test('every call ends as it should, and the server has done what was asked of it', async () => {
  await using server = await startServer({ env: quick });
  const out = join(folder, 'all');
  const { code, stdout, stderr } = await loadByGhz(
    ...['--address', server.address, '--requests', '30', '--concurrency', '5', '--out', out],
  );
  expect({ code, stderr: stderr.replace(/^installing .*\n/, '') }).toEqual({ code: 0, stderr: '' });
  for (const name of names) {
    expect(stdout).toMatch(new RegExp(`^${name} +30 `, 'm'));
    expect(codesOf(out, name)).toEqual(name === 'open' ? { Canceled: 30 } : { OK: 30 });
    expect(readFileSync(join(out, `${name}.html`), 'utf8')).toContain(`<h1 class="title">${name}</h1>`);
  }
  await server.stop('SIGTERM');
  const audit = await runParley(['audit', '--json'], { PARLEY_DATA_DIR: server.dataDir });
  // 30 of `open`, 30 of `chat`, the 5 in which was sent, and the one whose conversation was listed; 10 messages in that.
  expect(JSON.parse(audit.stdout)).toMatchObject({
    breaches: [],
    connections: { opened: 66, refused: {} },
    messages: { accepted: 70, failed: {} },
  });
});

test('a server of its own is called when no address is given', async () => {
  const { code, stdout } = await loadByGhz('health', '--requests', '10');
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^health +10 .* OK 10$/m) });
  expect(existsSync(join(folder, 'load-results/ghz/health.html'))).toBe(true);
});

test('refusals at a limit are no failures, and have no part in the times', async () => {
  await using server = await startServer({ env: { ...quick, PARLEY_MAX_CLIENTS: '1' } });
  const out = join(folder, 'refused');
  const args = ['chat', '--address', server.address, '--requests', '100', '--concurrency', '20', '--out', out];
  const { code, stdout } = await loadByGhz(...args);
  expect(code).toBe(0);
  const { ResourceExhausted: refused = 0, OK: good = 0 } = codesOf(out, 'chat');
  expect([refused > 0, good > 0, refused + good]).toEqual([true, true, 100]);
  const goodMs = callsOf(out, 'chat').flatMap(({ status, latency }) => (status === 'OK' ? [latency / 1e6] : []));
  const p50Ms = number(goodMs.sort((a, b) => a - b)[Math.ceil(good / 2) - 1] ?? 0);
  expect(stdout).toMatch(new RegExp(`^chat +100 +[\\d.,]+ +${p50Ms} .* ${refused}  (OK|ResourceExhausted) `, 'm'));
});

test('a call that ends with another code is named, and the exit code is 1', async () => {
  await using server = await startServer({ env: { PARLEY_AUTH: 'accounts' } });
  const { code, stdout, stderr } = await loadByGhz('get-usage', '--address', server.address, '--requests', '10');
  expect({ code, stdout }).toEqual({
    code: 1,
    stdout: expect.stringMatching(/^get-usage +10 .* Unauthenticated 10$/m),
  });
  expect(stderr).toMatch(/^get-usage: .*Unauthenticated/m);
});

test.each([
  { what: 'an address where nobody is', args: ['health', '--address', '127.0.0.1:9'], says: 'at 127.0.0.1:9' },
  { what: 'a call that there is not', args: ['shout'], says: 'there is no shout; there are chat, ' },
  { what: 'a number that is none', args: ['--requests', 'many'], says: '--requests is a whole number' },
])('$what is refused in a line', async ({ args, says }) => {
  const { code, stdout, stderr } = await loadByGhz(...args);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr.split('\n')[0]).toContain(says);
});

test('another release of ghz in the PATH is refused, with both versions', async () => {
  await using server = await startServer({ env: quick });
  await writeFile(join(folder, 'ghz'), '#!/bin/sh\necho v0.117.0\n', { mode: 0o755 });
  const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}` };
  const { code, stderr } = await loadByGhzIn(env, 'health', '--address', server.address);
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringMatching(/ghz in the PATH is v0\.117\.0.* use 0\.121\.0/),
  });
});
