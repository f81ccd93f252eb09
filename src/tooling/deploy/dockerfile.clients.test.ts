import { execFile, spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { call, clientOf, hangUp } from '../../testing/contract.ts';
import { freePort } from '../../testing/engines/free-port.ts';
import { eventually, TestSessions } from '../../testing/test-sessions.ts';
import { carryOut, type Made, readDockerfile, wordsOf } from './testing/dockerfile.ts';
import { outsideEnv } from './testing/outside-env.ts';
import { runTool, toolsFolder } from './testing/tools.ts';

/** Two installations from the registry, on a slow machine. */
const makeTimeoutMs = 600_000;

const run = promisify(execFile);
const context = fileURLToPath(new URL('../../../', import.meta.url));
const stages = readDockerfile(readFileSync(join(context, 'deploy/Dockerfile'), 'utf8'));
const final = stages.at(-1)?.instructions ?? [];
const wordsOfLast = (name: string) => wordsOf(final.find((instruction) => instruction.name === name)!);

/** What the base image would give: its Node and npm, and nothing of the tree that the test runs in. */
function baseEnv(): Record<string, string> {
  const env = outsideEnv();
  return { ...env, PATH: `${dirname(process.execPath)}${delimiter}${env.PATH}` };
}

let folder: string;
let image: Made;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-image-'));
  image = await carryOut(stages, { context, folder, env: baseEnv() });
}, makeTimeoutMs);

afterAll(async () => {
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

test('the image holds what production needs, and no more', () => {
  const has = (path: string) => existsSync(join(image.workdir, path));
  const modules = ['node_modules/kafkajs', 'node_modules/@grpc/grpc-js'];
  const needed = [...modules, 'dist/src/main/parley.js', 'dist/gateway/web/dist/index.html', 'LICENSE'];
  expect(needed.filter(has)).toEqual(needed);
  const left = [
    'gateway',
    'node_modules/typescript',
    'node_modules/jest',
    'node_modules/vite',
    'node_modules/node',
    'node_modules/.bin/node',
    'src',
  ];
  expect(left.filter(has)).toEqual([]);
  // Whoever the container runs as can keep files there.
  expect(statSync(join(image.workdir, 'data')).mode & 0o7777).toBe(0o1777);
});

/** Prints what is wrong with the file by the schema of CycloneDX, if anything. */
const validateSbom = `
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
found = JsonStrictValidator(SchemaVersion.V1_5).validate_str(open(sys.argv[1]).read())
print('' if found is None else found)`;

test('the image has a valid bill of materials, with every package that is installed in it or bundled in the page', async () => {
  const path = join(image.workdir, 'dist/sbom.cdx.json');
  const python = join(toolsFolder(process.env['PARLEY_TEST_TOOLS']), 'python/bin/python');
  expect(await runTool(python, ['-c', validateSbom, path], folder)).toBe('\n');
  const { metadata, components } = JSON.parse(readFileSync(path, 'utf8'));
  const { name, version } = JSON.parse(readFileSync(join(context, 'package.json'), 'utf8'));
  expect(metadata.component).toMatchObject({ type: 'application', name, version });
  const listed = new Set(components.map((component: { name: string; version: string }) => nameVersion(component)));
  const installed = JSON.parse(readFileSync(join(image.workdir, 'node_modules/.package-lock.json'), 'utf8'));
  const packages = Object.entries<{ version: string }>(installed.packages).map(([place, { version }]) =>
    nameVersion({ name: place.replace(/^.*node_modules\//, ''), version }),
  );
  expect(packages.length).toBeGreaterThan(50);
  expect(packages.filter((one) => !listed.has(one))).toEqual([]);
  const names = new Set(components.map((component: { name: string }) => component.name));
  expect(['preact', 'marked', 'temml', 'jest', 'typescript'].filter((one) => names.has(one))).toEqual([
    'preact',
    'marked',
    'temml',
  ]);
});

function nameVersion({ name, version }: { name: string; version: string }): string {
  return `${name}@${version}`;
}

test('what was made serves whoever has an account, tells its health, says nothing of npm, and ends in order', async () => {
  const [grpc, http] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const env = { ...baseEnv(), ...image.env, PARLEY_GRPC_LISTEN: grpc, PARLEY_HTTP_LISTEN: http };
  const [health = '', ...healthArgs] = wordsOfLast('HEALTHCHECK');
  const isHealthy = () =>
    run(health, healthArgs, { cwd: image.workdir, env }).then(
      () => true,
      () => false,
    );
  expect(await isHealthy()).toBe(false);
  const [program = '', ...args] = wordsOfLast('CMD');
  const server = spawn(program, args, { cwd: image.workdir, env, stdio: ['ignore', 'pipe', 'ignore'] });
  const printed = text(server.stdout);
  const exited = new Promise<number | null>((resolve) => server.once('exit', resolve));
  try {
    await eventually(isHealthy, (healthy) => healthy, 60_000);
    const password = { userName: 'ann', password: 'a password of a test' };
    await writeFile(join(folder, 'password'), password.password);
    const add = ['user', 'add', password.userName, '--password-file', join(folder, 'password')];
    await run(program, [...args.slice(0, -1), ...add], { cwd: image.workdir, env });
    const accounts = clientOf('chat.v1.AccountService', grpc);
    const { tokens } = await call(accounts, 'SignIn', password);
    hangUp(accounts);
    await using testSessions = new TestSessions({ address: grpc }, 'bidi');
    const session = testSessions.dial({ clientId: '' }, tokens.accessToken);
    await session.welcome();
    const { reply } = await session.ask('Are you in a box?');
    expect(reply.parts.length).toBeGreaterThan(0);
    expect(await (await fetch(`http://${http}/`)).text()).toContain('<script');
    await session.goodbye();
    server.kill('SIGTERM');
    expect(await exited).toBe(0);
    expect(await printed).toBe(`parley is listening: grpc ${grpc} http ${http}\n`);
  } finally {
    server.kill('SIGKILL');
  }
});
