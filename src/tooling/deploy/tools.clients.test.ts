import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { composeTlsValues } from '../../../gateway/envoy/values.ts';
import { readCompose } from './testing/compose.ts';
import { documentsOf, type Manifest } from './testing/kubernetes.ts';
import { writeSchemas } from './testing/schemas.ts';
import { runTool, toolsFolder } from './testing/tools.ts';

const deploy = fileURLToPath(new URL('../../../deploy/', import.meta.url));
const tools = toolsFolder(process.env['PARLEY_TEST_TOOLS']);
const folder = mkdtempSync(join(tmpdir(), 'parley-deploy-'));
const run = (tool: string, args: readonly string[], cwd = deploy) => runTool(join(tools, tool), args, cwd);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('compose.yaml', () => {
  const secrets = Object.fromEntries(
    Object.keys(parseEnv(readFileSync(`${deploy}.env.example`, 'utf8'))).map((name) => [name, 'x'.repeat(20)]),
  );

  /** What the compose library makes of the file, its variables filled in. */
  async function load(change: (text: string) => string = (text) => text): Promise<string> {
    const path = join(folder, 'compose.yaml');
    const compose = readCompose(change(readFileSync(`${deploy}compose.yaml`, 'utf8')), secrets);
    writeFileSync(path, stringify(compose, { aliasDuplicateObjects: false }));
    return run('compose-go', ['--no-interpolation', path], folder);
  }

  test('is loaded by the library of Docker Compose', async () => {
    expect(await load()).toContain('PARLEY_INSTANCE_ID: gateway-2');
  });

  test('is loaded with compose.tls.yaml over it: clients reach Envoy alone, and are told its address', async () => {
    const url = 'https://chat.example.org';
    const over = join(folder, 'compose.tls.yaml');
    writeFileSync(over, readFileSync(`${deploy}compose.tls.yaml`, 'utf8').replace(/\$\{PUBLIC_URL[^}]*\}/g, url));
    const base = join(folder, 'compose.yaml');
    writeFileSync(base, stringify(readCompose(readFileSync(`${deploy}compose.yaml`, 'utf8'), secrets)));
    const args = ['--no-interpolation', '--no-path-resolution', base, over];
    const { services } = parse(await run('compose-go', args, folder));
    for (const name of ['gateway-1', 'gateway-2', 'worker', 'projector'])
      expect(services[name].environment).toEqual(
        expect.arrayContaining([`PARLEY_S3_PUBLIC_ENDPOINT=${url}`, `PARLEY_S3_CORS_ORIGINS=${url}`]),
      );
    expect(services['gateway-2'].environment).toContain('PARLEY_INSTANCE_ID=gateway-2');
    const published = Object.entries<{ ports?: { published: string; target: number }[] }>(services).flatMap(
      ([name, { ports = [] }]) => ports.map((port) => [name, Number(port.published), port.target]),
    );
    const watching = ['grafana', 'prometheus'];
    expect(published.filter(([name]) => !watching.includes(String(name)))).toEqual([
      ['envoy', 443, composeTlsValues.listen.port],
    ]);
    expect(services.envoy.volumes).toMatchObject([
      { source: './envoy/tls', target: '/etc/envoy', read_only: true },
      { source: './certificates', target: composeTlsValues.tls.folder, read_only: true },
    ]);
  });

  test.each([
    ['a word that compose does not know', 'read_only: true', 'read_onyl: true', 'read_onyl'],
    ['a condition that there is not', 'condition: service_healthy', 'condition: service_fine', 'condition'],
    ['a health check of the wrong type', 'test: [CMD, node', 'test: [7, node', 'test'],
  ])('would be refused with %s', async (_, from, to, named) => {
    await expect(load((text) => text.replace(from, to))).rejects.toThrow(named);
  });
});

describe('the Kubernetes manifests', () => {
  const schemas = join(folder, 'schemas');
  const location = `${schemas}/{{.ResourceKind}}{{.KindSuffix}}.json`;

  beforeAll(async () => {
    await writeSchemas(tools, schemas);
  });

  /** Builds a kustomization and checks what it gives by the schemas. Resolves to the summary. */
  async function check(path: string, change: (text: string) => string = (text) => text): Promise<string> {
    const built = join(folder, 'built.yaml');
    writeFileSync(built, change(await run('kustomize', ['build', path])));
    return run('kubeconform', ['-strict', '-summary', '-schema-location', location, built], folder);
  }

  test.each(['kubernetes/base', 'kubernetes/example'])('%s is as Kubernetes and KEDA want it', async (path) => {
    expect(await check(path)).toMatch(/Valid: [1-9]\d*, Invalid: 0, Errors: 0, Skipped: 0/);
  });

  test.each([
    ['terminationGracePeriodSeconds', 'terminationGraceSeconds'],
    ['maxUnavailable: 1', 'maxUnavailable: [1]'],
    ['maxReplicaCount', 'maxReplicas'],
    ['behavior: currentReplicasIfHigher', 'behavior: guess'],
  ])('would be refused with another %s', async (from, to) => {
    await expect(check('kubernetes/example', (text) => text.replace(from, to))).rejects.toThrow(/Invalid: 1/);
  });

  test('the example puts addresses of its own into the policies, and leaves whom they are about', async () => {
    const built: Manifest[] = parseAllDocuments(await run('kustomize', ['build', 'kubernetes/example'])).map(
      (document) => document.toJS(),
    );
    const patches = documentsOf('example/network-policy.yaml');
    expect(patches).toHaveLength(2);
    for (const { metadata, spec } of patches) {
      const policy = built.find((found) => found.kind === 'NetworkPolicy' && found.metadata.name === metadata.name);
      expect(policy.spec).toEqual({
        podSelector: { matchLabels: { 'app.kubernetes.io/name': 'parley' } },
        policyTypes: ['Egress'],
        egress: spec.egress,
      });
    }
  });

  test('KEDA alone decides how many workers there are, where it is used', async () => {
    const workers = (text: string) =>
      text.split('---\n').find((part) => part.includes('kind: Deployment') && part.includes('name: parley-worker\n'));
    expect(workers(await run('kustomize', ['build', 'kubernetes/base']))).toContain('replicas: 2');
    expect(workers(await run('kustomize', ['build', 'kubernetes/example']))).not.toContain('replicas:');
  });
});

describe('Prometheus', () => {
  test.each(['prometheus.yaml', 'kubernetes.yaml'])('takes %s', async (file) => {
    expect(await run('promtool', ['check', 'config', '--lint=all', file], `${deploy}prometheus`)).toContain('SUCCESS');
  });

  test('raises the alerts when, and only when, it should', async () => {
    await run('promtool', ['test', 'rules', 'rules.test.yaml'], `${deploy}prometheus`);
  });

  test('would miss an alert whose limit were another', async () => {
    const copy = join(folder, 'prometheus');
    await cp(`${deploy}prometheus`, copy, { recursive: true });
    const rules = readFileSync(join(copy, 'rules.yaml'), 'utf8');
    writeFileSync(
      join(copy, 'rules.yaml'),
      rules.replace('sum(parley_worker_partitions) < 10', 'sum(parley_worker_partitions) < 5'),
    );
    await expect(run('promtool', ['test', 'rules', 'rules.test.yaml'], copy)).rejects.toThrow(
      'ParleyPartitionWithoutWorker',
    );
  });
});
