import { execFile, spawn } from 'node:child_process';
import { cpSync, readdirSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { freePort } from '../testing/engines/free-port.ts';
import { eventually, TestSessions } from '../testing/test-sessions.ts';
import { outsideEnv } from './deploy/testing/outside-env.ts';

/** An installation from the registry, on a slow machine. */
const installTimeoutMs = 600_000;
const startTimeoutMs = 120_000;

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));
/** Of the tree, what a checkout does not have. */
const isMade = (path: string) => /^(\.git|node_modules|data|dist|gateway\/web\/dist)$/.test(path.split(sep).join('/'));

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-checkout-'));
  cpSync(root, folder, { recursive: true, filter: (path) => !isMade(relative(root, path)) });
  await run('npm', ['ci', '--omit=dev'], { cwd: folder, env: outsideEnv() });
}, installTimeoutMs);

afterAll(async () => {
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

test('`npm ci --omit=dev` installs at most 150 MB', async () => {
  const { stdout } = await run('du', ['-sm', 'node_modules'], { cwd: folder });
  expect(Number.parseInt(stdout, 10)).toBeLessThanOrEqual(150);
});

test('two builds of the page at once leave a complete one', async () => {
  const build = () => run('npm', ['run', 'web'], { cwd: folder, env: outsideEnv() });
  await Promise.all([build(), build()]);
  const made = readdirSync(join(folder, 'gateway/web')).filter((name) => name.startsWith('dist'));
  expect(made).toEqual(['dist']);
  const files = readdirSync(join(folder, 'gateway/web/dist'), { recursive: true, encoding: 'utf8' });
  for (const script of files.filter((name) => name.endsWith('.js'))) {
    const { size } = statSync(join(folder, 'gateway/web/dist', script));
    if (size >= 1_024) expect(files).toContain(`${script}.br`);
  }
  expect(files).toContain('index.html');
});

test('`npm start` serves the page after it, whatever Node the machine has, and ends in order', async () => {
  const [grpc, http] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const env = { ...outsideEnv(), PARLEY_GRPC_LISTEN: grpc, PARLEY_HTTP_LISTEN: http };
  const server = spawn('npm', ['start'], { cwd: folder, env, stdio: 'ignore', detached: true });
  const exited = new Promise<number | null>((resolve) => server.once('exit', resolve));
  const page = () =>
    fetch(`http://${http}/`)
      .then((answer) => answer.text())
      .catch(() => '');
  try {
    expect(await eventually(page, (text) => text !== '', startTimeoutMs)).toContain('<script');
    await using testSessions = new TestSessions({ address: grpc }, 'bidi');
    const { session } = await testSessions.connect();
    expect((await session.ask('Are you there?')).reply.parts.length).toBeGreaterThan(0);
    await session.goodbye();
    server.kill('SIGTERM');
    expect(await exited).toBe(0);
  } finally {
    if (server.exitCode === null && server.pid !== undefined) process.kill(-server.pid, 'SIGKILL');
  }
});
