import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../config/load-config.ts';
import { newAuthority, newCertificate } from '../../testing/certificates.ts';
import { type Instruction, readDockerfile, wordsOf } from './testing/dockerfile.ts';
import { exactRelease } from './testing/images.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const read = (path: string) => readFileSync(`${root}${path}`, 'utf8');
const stages = readDockerfile(read('deploy/Dockerfile'));
const final = stages.at(-1)?.instructions ?? [];
const { scripts } = JSON.parse(read('package.json')) as { scripts: { start: string } };

function only(name: string): Instruction {
  const [found, ...more] = final.filter((instruction) => instruction.name === name);
  if (found === undefined || more.length > 0) throw new Error(`not one ${name}`);
  return found;
}

describe('the Dockerfile', () => {
  test('makes the image in stages of one base', () => {
    expect(stages.map(({ name }) => name)).toEqual(['build', 'dependencies', '']);
    expect(new Set(stages.map(({ image }) => image)).size).toBe(1);
  });

  test('has the very Node that the project runs on', () => {
    const { devDependencies } = JSON.parse(read('package.json')) as { devDependencies: { node: string } };
    const [image = ''] = stages.map((stage) => stage.image);
    expect(image).toMatch(exactRelease);
    expect(image).toContain(`node:${devDependencies.node.replace('^', '')}-`);
  });

  test('starts the server as `npm start` does, with the built code for the source and more room in the heap', () => {
    const [settings = '', command = ''] = scripts.start
      .replace(/^exec env /, '')
      .replace('sh src/main/node24.sh', 'node')
      .split(/ (?=node )/);
    const roomy = command.replace('=8 --heap-growing-percent=50', '=32');
    expect(roomy).not.toBe(command);
    expect(wordsOf(only('CMD')).join(' ')).toBe(roomy.replace('src/main/parley.ts', 'dist/src/main/parley.js'));
    // Built code has no types to strip, for which alone the cache is named here.
    const shared = settings.split(' ').filter((setting) => !setting.startsWith('NODE_COMPILE_CACHE='));
    const image = final.filter(({ name }) => name === 'ENV').map(({ rest }) => rest);
    expect(image).toEqual(expect.arrayContaining(shared));
  });

  test('runs as a user who is not root, by number', () => {
    expect(only('USER').rest).toMatch(/^[1-9]\d{4,}:[1-9]\d{4,}$/);
  });

  test('is reached from outside of its container, and by nobody who has no account', () => {
    const env = parseEnv(final.flatMap(({ name, rest }) => (name === 'ENV' ? [rest] : [])).join('\n'));
    const ours = Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('PARLEY_')));
    expect(loadConfig({ ...ours, PARLEY_TLS_TERMINATION: 'proxy' })).toMatchObject({
      auth: { kind: 'accounts', signUpOpen: false },
      grpcListen: { host: '0.0.0.0' },
      httpListen: { host: '0.0.0.0' },
    });
    expect(() => loadConfig(ours)).toThrow('can be reached from other machines');
  });

  test('looks after its health, by a file that is in the image', () => {
    const [program, script = ''] = wordsOf(only('HEALTHCHECK'));
    expect(program).toBe('node');
    expect(existsSync(`${root}${script}`)).toBe(true);
  });

  test('copies nothing that Docker is not given, and nothing that is not there', () => {
    const given = read('deploy/Dockerfile.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const copied = stages
      .flatMap(({ instructions }) => instructions)
      .filter(({ name, flags }) => name === 'COPY' && flags['from'] === undefined)
      .flatMap(({ rest }) => rest.split(/\s+/).slice(0, -1));
    expect(new Set(copied)).toEqual(new Set(given));
    expect(given.filter((path) => !existsSync(`${root}${path}`))).toEqual([]);
  });

  test('gives the build what it reads beside the code', () => {
    const assets = [...read('src/tooling/copy-assets.ts').matchAll(/'((?:src|docs)\/[^']+)'/g)].map(([, path]) => path);
    const given = read('deploy/Dockerfile.dockerignore').replaceAll('!', '').split('\n');
    expect(assets.length).toBeGreaterThan(0);
    expect(assets.filter((path = '') => !given.some((folder) => `${path}/`.startsWith(`${folder}/`)))).toEqual([]);
  });

  test('a line that is none is told', () => {
    expect(() => readDockerfile('FROM a\nrun b')).toThrow('not an instruction: run b');
  });
});

describe('the health check of the image', () => {
  const answer: RequestListener = ({ url }, response) => response.writeHead(url === '/readyz' ? 503 : 200).end();

  /** Resolves to its exit code. */
  function check(path: string, env: Readonly<Record<string, string>>): Promise<number> {
    const [, script = ''] = wordsOf(only('HEALTHCHECK'));
    return new Promise((resolve) => {
      execFile(process.execPath, [script, path], { cwd: root, env }, (error) => resolve(Number(error?.code ?? 0)));
    });
  }

  async function checksOf(server: ReturnType<typeof createServer>, env: Readonly<Record<string, string>> = {}) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const settings = { ...env, PARLEY_HTTP_LISTEN: `0.0.0.0:${(server.address() as AddressInfo).port}` };
    const codes = await Promise.all(['/healthz', '/readyz'].map((path) => check(path, settings)));
    await new Promise((resolve) => server.close(resolve));
    return [...codes, await check('/healthz', settings)];
  }

  test('ends with 0 for 200, with 1 for another answer or none', async () => {
    expect(await checksOf(createServer(answer))).toEqual([0, 1, 1]);
  });

  test('does so over TLS, whose certificate is for other names', async () => {
    const { cert, key } = await newCertificate(await newAuthority('tests'), 'chat.example.org');
    const env = { PARLEY_TLS_CERT_FILE: '/run/cert.pem' };
    expect(await checksOf(createTlsServer({ cert, key }, answer), env)).toEqual([0, 1, 1]);
  });
});
