import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type ParleyServer, type Ran, runScript, startServer } from '../testing/server.ts';
import { packClient } from '../tooling/pack-client.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** The programs of the page on the SDK, in order. */
const programs = programsIn('docs/client-sdk.md');
const compilerOptions = {
  target: 'es2024',
  lib: ['es2024', 'dom', 'dom.iterable', 'dom.asynciterable', 'esnext.disposable'],
  module: 'nodenext',
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  types: ['node'],
};

function programsIn(page: string): readonly string[] {
  return [...readFileSync(join(root, page), 'utf8').matchAll(/```ts\n(.*?)```/gs)].map(([, code = '']) => code);
}

let folder: string;
let server: ParleyServer;

/** A project as `npm init` makes it, whose `.ts` and `.js` files are CommonJS modules, with the package as npm installs it. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'parley-package-'));
  execFileSync('npm', ['init', '--yes'], { cwd: folder, stdio: 'pipe' });
  const tarball = packClient(folder);
  execFileSync('npm', ['install', '--no-audit', '--no-fund', tarball], { cwd: folder, stdio: 'pipe' });
  server = await startServer({
    env: {
      PARLEY_SIMULATED_TEXT_DELAY_MS: '0',
      // Two seconds a reply: enough to stop one, however busy the machine is.
      PARLEY_SIMULATED_PIECES: '20',
      PARLEY_SIMULATED_PIECE_INTERVAL_MS: '100',
    },
  });
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** Puts a program into the project, with the addresses of the server that runs. */
function put(name: string, code: string): string {
  const path = join(folder, name);
  writeFileSync(
    path,
    code.replaceAll('127.0.0.1:50051', server.address).replaceAll('127.0.0.1:8080', server.httpAddress),
  );
  return path;
}

async function run(path: string): Promise<Ran> {
  const ran = await runScript(path, [], { PATH: process.env['PATH'], NODE_NO_WARNINGS: '1' });
  expect(ran).toMatchObject({ code: 0, stderr: '' });
  return ran;
}

describe('the package', () => {
  test('needs nothing but protobuf-es and connect', () => {
    const installed = globSync('node_modules/{*,@*/*}/package.json', { cwd: folder }).map((path) =>
      path.replaceAll('\\', '/').replace(/^node_modules\/(.*)\/package\.json$/, '$1'),
    );
    expect(installed.sort()).toEqual([
      '@bufbuild/protobuf',
      '@connectrpc/connect',
      '@connectrpc/connect-node',
      '@connectrpc/connect-web',
      '@parley/client',
    ]);
  });

  test('has its first program in the README', () => {
    expect(programsIn('README.md')).toEqual(programs.slice(0, 1));
  });

  test('has types for every program of its page, under the strictest rules', () => {
    symlinkSync(join(root, 'node_modules/@types'), join(folder, 'node_modules/@types'));
    for (const [index, code] of programs.entries()) put(`typed-${index}.mts`, code);
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['typed-*.mts'] }));
    const tsc = join(root, 'node_modules/.bin/tsc');
    expect(execFileSync(tsc, ['-p', folder], { encoding: 'utf8' })).toBe('');
  });

  test('runs every program of its page in Node', async () => {
    const said: string[] = [];
    for (const [index, code] of programs.entries()) said.push((await run(put(`program-${index}.mts`, code))).stdout);
    expect(programs).toHaveLength(10);
    expect(said.filter((text) => text.trim() === '')).toEqual([]);
    const [, , , resumed, kept, persistent, refused, stopped, read, signedIn] = said;
    expect([resumed, kept, persistent, refused, stopped, signedIn]).toEqual([
      'true\n',
      '0\n',
      'true\n',
      'EMPTY_MESSAGE INVALID_ARGUMENT\n',
      'true\n',
      'false\n',
    ]);
    expect(read).toContain('What is this?');
  });

  test('is bundled for a browser without Node, and talks over gRPC-Web', async () => {
    const page = programs.find((code) => code.includes('grpcWeb')) ?? '';
    const input = put('page.mts', page);
    const lib = { entry: input, formats: ['es'], fileName: 'page' };
    const config = { logLevel: 'error', build: { outDir: 'bundle', target: 'esnext', lib } };
    writeFileSync(join(folder, 'vite.config.mjs'), `export default ${JSON.stringify(config)};`);
    execFileSync(join(root, 'node_modules/.bin/vite'), ['build', folder], { stdio: 'pipe' });
    const bundle = readFileSync(join(folder, 'bundle/page.mjs'), 'utf8');
    expect(bundle.match(/\bimport\b[^.]{0,80}|['"`]node:.{0,40}/g)).toBeNull();
    expect((await run(join(folder, 'bundle/page.mjs'))).stdout.trim()).not.toBe('');
  });
});
