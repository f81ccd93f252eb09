import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { envoyFiles } from '../../../gateway/envoy/files.ts';
import { newAuthority, newCertificate } from '../../testing/certificates.ts';
import { type EnvoyEngine, startEnvoy } from '../../testing/engines/envoy.ts';
import { freePort } from '../../testing/engines/free-port.ts';
import { installed } from '../../testing/engines/install.ts';
import { readCompose } from './testing/compose.ts';
import { runTool } from './testing/tools.ts';

// The first one may have to install Envoy.
const root = fileURLToPath(new URL('../../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'parley-envoy-'));
/** Where the files look for each other in a container, and where they are here. */
const places = { '/etc/envoy/': `${folder}/`, '/certificates': `${folder}/certificates` } as const;
let program: string;
let envoy: EnvoyEngine;

beforeAll(async () => {
  program = join(await installed('envoy'), 'envoy/_bin/envoy');
  envoy = await startEnvoy({ gateways: [] });
  const { cert, key } = await newCertificate(await newAuthority('an authority'), 'Envoy');
  mkdirSync(places['/certificates']);
  writeFileSync(`${places['/certificates']}/tls.crt`, cert);
  writeFileSync(`${places['/certificates']}/tls.key`, key);
});

afterAll(async () => {
  await envoy?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** The file with the places of this machine, below the folder of this test. */
function here(text: string, name: string): string {
  const path = join(folder, name);
  const moved = Object.entries(places).reduce((all, [from, to]) => all.replaceAll(from, to), text);
  writeFileSync(path, moved);
  return path;
}

const validate = (path: string) => runTool(program, ['--mode', 'validate', '-c', path], folder);

describe('Envoy takes', () => {
  const files = Object.keys(envoyFiles()).filter((path) => !path.endsWith('certificate.yaml'));

  test.each(files)('%s', async (path) => {
    const text = readFileSync(join(root, path), 'utf8');
    if (text.includes('certificate.yaml')) {
      const beside = join(root, path, '../certificate.yaml');
      here(readFileSync(beside, 'utf8'), 'certificate.yaml');
    }
    expect(await validate(here(text, 'envoy.yaml'))).toContain('OK');
  });

  test('what write.ts makes of values of one own, which it looks at first', async () => {
    const [script, values, made] = [
      join(root, 'gateway/envoy/write.ts'),
      join(folder, 'values.yaml'),
      join(folder, 'made'),
    ];
    const write = () => runTool(process.execPath, ['--no-warnings', script, values, made], folder);
    writeFileSync(
      values,
      'gateways:\n  - { host: gateway.example, grpcPort: 50051, httpPort: 8080 }\norigins: [https://a.example]\n' +
        `gatewayTls: { authorityFile: ${join(folder, 'authority.crt')}, name: gateways }\n`,
    );
    expect(await write()).toContain('envoy.yaml');
    const text = readFileSync(join(made, 'envoy.yaml'), 'utf8');
    expect(text).toContain('exact: https://a.example');
    writeFileSync(join(folder, 'authority.crt'), (await newAuthority('of gateways')).cert);
    here(readFileSync(join(made, 'certificate.yaml'), 'utf8'), 'certificate.yaml');
    expect(await validate(here(text, 'envoy.yaml'))).toContain('OK');
    writeFileSync(values, 'orgins: []\n');
    await expect(write()).rejects.toThrow('no such value: orgins');
  });

  test('but not what is wrong', async () => {
    const text = readFileSync(join(root, 'deploy/envoy/envoy.yaml'), 'utf8').replace(
      'idle_timeout: 90s',
      'idle_timeout: 90',
    );
    await expect(validate(here(text, 'envoy.yaml'))).rejects.toThrow('idle_timeout');
  });
});

describe('its health check passes while it runs, and not otherwise', () => {
  const variables = { S3_ACCESS_KEY_ID: 'x', S3_SECRET_ACCESS_KEY: 'x', GRAFANA_ADMIN_PASSWORD: 'x' };
  const read = (path: string) => readFileSync(join(root, 'deploy', path), 'utf8');
  const [deployment] = parseAllDocuments(read('kubernetes/envoy/deployment.yaml')).map((document) => document.toJS());
  const [container] = deployment.spec.template.spec.containers;
  const compose = readCompose(read('compose.yaml'), variables).services['envoy']?.healthcheck?.test.slice(1) ?? [];

  /** The command, asking this port of this machine. */
  async function run(command: readonly string[], port: string): Promise<void> {
    const [shell = '', ...args] = command.map((word) => word.replace('127.0.0.1/9901', `127.0.0.1/${port}`));
    await runTool(shell, args, folder);
  }

  test.each([
    ['compose.yaml', compose],
    ['Kubernetes, ready', container.readinessProbe.exec.command],
    ['Kubernetes, alive', container.livenessProbe.exec.command],
  ])('%s', async (_, command) => {
    await run(command, envoy.admin.split(':')[1] ?? '');
    await expect(run(command, String(await freePort()))).rejects.toThrow();
  });

  test('preStop drains it', async () => {
    const [, , script] = container.lifecycle.preStop.exec.command as string[];
    await run(['bash', '-c', script?.replace('sleep 20', 'grep -q OK <&3') ?? ''], envoy.admin.split(':')[1] ?? '');
  });
});
