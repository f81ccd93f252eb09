import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parseAllDocuments, stringify } from 'yaml';
import { describeExposure } from '../../config/exposure.ts';
import { loadConfig } from '../../config/load-config.ts';
import { kubernetesFolder, type Manifest, podEnvironment, roles, secretExampleOf } from './testing/kubernetes.ts';
import { writeSchemas } from './testing/schemas.ts';
import { runTool, toolsFolder } from './testing/tools.ts';

const tools = toolsFolder(process.env['PARLEY_TEST_TOOLS']);
const folder = mkdtempSync(join(tmpdir(), 'parley-chart-'));
const run = (tool: string, args: readonly string[]) => runTool(join(tools, tool), args, folder);
const { version } = JSON.parse(readFileSync(`${kubernetesFolder}../../package.json`, 'utf8'));

const schemas = join(folder, 'schemas');

beforeAll(() => writeSchemas(tools, schemas));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Objects = Readonly<Record<string, Manifest>>;

const values = (file: string) => ['--values', join(kubernetesFolder, 'values', file)];
const helm = (...args: readonly string[]) => run('helm', ['template', 'parley', kubernetesFolder, ...args]);

/** The objects by kind and name. */
function objectsIn(text: string): Objects {
  const objects: Manifest[] = parseAllDocuments(text).map((document) => document.toJS({ maxAliasCount: 100 }));
  return Object.fromEntries(objects.map((object) => [`${object.kind}/${object.metadata.name}`, object]));
}

/** What kustomize builds, without what it does otherwise than Helm: namespaces in objects, and a hash in the name of each ConfigMap. */
async function kustomized(path: string): Promise<Objects> {
  const text = await run('kustomize', ['build', path]);
  const objects = objectsIn(text.replaceAll(/\b(parley-(?:settings|envoy))-[a-z0-9]{10}$/gm, '$1'));
  for (const { metadata } of Object.values(objects)) delete metadata.namespace;
  return objects;
}

/** What Helm renders, without the checksum by which it rolls the pods. */
async function rendered(...args: readonly string[]): Promise<Objects> {
  const objects = objectsIn(await helm(...args));
  for (const { spec } of Object.values(objects).filter(({ kind }) => kind === 'Deployment')) {
    const { 'checksum/config': checksum, ...others } = spec.template.metadata.annotations;
    expect(checksum).toMatch(/^[0-9a-f]{64}$/);
    delete spec.template.metadata.annotations;
    if (Object.keys(others).length > 0) spec.template.metadata.annotations = others;
  }
  return objects;
}

describe('the chart renders what kustomize builds', () => {
  const withEnvoy = ['--set', 'envoy.enabled=true'];
  const withoutEnvoy = ['--set', 'envoy.enabled=false'];

  test.each([
    ['base', [], withoutEnvoy],
    ['base and envoy, the default', ['envoy'], []],
    ['base, envoy and keda', ['envoy', 'keda'], [...withEnvoy, '--set', 'keda.enabled=true']],
    ['base and keda', ['keda'], [...withoutEnvoy, '--set', 'keda.enabled=true']],
  ])('%s', async (_, components, args) => {
    const copy = mkdtempSync(join(folder, 'kustomization-'));
    cpSync(kubernetesFolder, copy, { recursive: true });
    mkdirSync(join(copy, 'own'));
    const kustomization = {
      resources: ['../base'],
      components: components.map((name) => `../${name}`),
      images: [{ name: 'parley', newTag: version }],
    };
    writeFileSync(join(copy, 'own/kustomization.yaml'), stringify(kustomization));
    expect(await rendered(...args)).toEqual(await kustomized(join(copy, 'own')));
  });

  test('the example, with the values of the same deployment', async () => {
    expect(await rendered(...values('example.yaml'))).toEqual(await kustomized(join(kubernetesFolder, 'example')));
  });
});

describe.each(['', ...readdirSync(join(kubernetesFolder, 'values'))])('with values %p', (file) => {
  const args = file === '' ? [] : values(file);
  let text: string;
  let objects: Objects;

  beforeAll(async () => {
    text = await helm(...args);
    objects = objectsIn(text);
  });

  test('it passes helm lint, and is as Kubernetes and KEDA want it', async () => {
    expect(await run('helm', ['lint', '--strict', kubernetesFolder, ...args])).toContain('0 chart(s) failed');
    const built = join(folder, 'built.yaml');
    writeFileSync(built, text);
    const location = `${schemas}/{{.ResourceKind}}{{.KindSuffix}}.json`;
    expect(await run('kubeconform', ['-strict', '-summary', '-schema-location', location, built])).toMatch(
      /Valid: [1-9]\d*, Invalid: 0, Errors: 0, Skipped: 0/,
    );
  });

  test.each(roles)('the %s is configured so that it starts, and exposes nothing but /metrics', (role) => {
    const [container] = objects[`Deployment/parley-${role}`].spec.template.spec.containers;
    const { data } = objects['ConfigMap/parley-settings'];
    const secrets = parseEnv(secretExampleOf(role).replace(/^#(?=PARLEY_KAFKA_)/gm, ''));
    const config = loadConfig(podEnvironment(role, data, secrets, container));
    expect(config.roles).toEqual([role]);
    expect(container.image).toMatch(/\/?parley(:\d+\.\d+\.\d+|@sha256:[0-9a-f]{64})$/);
    const warnings = describeExposure(config)
      .split('\n')
      .filter((line) => line.startsWith('warning: '));
    expect(warnings).toEqual([expect.stringContaining('/metrics asks nobody')]);
  });
});

test('a value is merged into the pods that it names: fields, lists, and null for none', async () => {
  const [tls, store] = [await rendered(...values('gateway-tls.yaml')), await rendered(...values('media-store.yaml'))];
  const podOf = (objects: Objects, name: string) => objects[`Deployment/parley-${name}`].spec.template.spec;
  const [gateway] = podOf(tls, 'gateway').containers;
  expect(gateway.readinessProbe).toEqual({
    httpGet: { path: '/readyz', port: 'http', scheme: 'HTTPS' },
    periodSeconds: 5,
    timeoutSeconds: 3,
    failureThreshold: 2,
  });
  const { metadata } = tls['Deployment/parley-gateway'].spec.template;
  expect(metadata.annotations).toEqual({ 'prometheus.io/scheme': 'https' });
  expect(podOf(tls, 'worker').volumes).toHaveLength(1);
  const [worker] = podOf(store, 'worker').containers;
  expect(worker.resources.requests).toMatchObject({ cpu: '500m', memory: '256Mi' });
  for (const name of [...roles, 'envoy']) expect(podOf(store, name).imagePullSecrets).toEqual([{ name: 'registry' }]);
});

test('numbers and truth values become text as they are', async () => {
  const args = ['--set', 'settings.PARLEY_A=10485760,settings.PARLEY_B=false,settings.PARLEY_C=0', '--set'];
  const objects = await rendered(...args, 'keda.enabled=true,settings.PARLEY_PARTITIONS=30');
  expect(objects['ConfigMap/parley-settings'].data).toMatchObject({
    PARLEY_A: '10485760',
    PARLEY_B: 'false',
    PARLEY_C: '0',
  });
  expect(objects['ScaledObject/parley-worker'].spec.maxReplicaCount).toBe(30);
});

test('a changed setting rolls the processes, and a changed configuration Envoy', async () => {
  const checksums = async (...args: readonly string[]) =>
    Object.values(objectsIn(await helm(...args)))
      .filter(({ kind }) => kind === 'Deployment')
      .map(({ metadata, spec }): string[] => [metadata.name, spec.template.metadata.annotations['checksum/config']]);
  const before = Object.fromEntries(await checksums());
  const changed = async (...args: readonly string[]) =>
    (await checksums(...args)).flatMap(([name = '', sum]) => (before[name] === sum ? [] : [name])).toSorted();
  expect(await changed('--set', 'settings.PARLEY_MAX_CLIENTS=60')).toEqual(
    roles.map((role) => `parley-${role}`).toSorted(),
  );
  expect(await changed('--set', 'envoy.configuration=x')).toEqual(['parley-envoy']);
});

test('secrets of an overlay beside the manifests are no part of the chart', async () => {
  const copy = mkdtempSync(join(folder, 'overlay-'));
  cpSync(kubernetesFolder, copy, { recursive: true });
  mkdirSync(join(copy, 'own'));
  const names = ['kustomization.yaml', 'tls.key', ...roles.map((role) => `${role}.env`)];
  for (const name of names) writeFileSync(join(copy, 'own', name), 'x');
  await run('helm', ['package', copy, '--destination', folder]);
  const packed = await runTool('tar', ['-tzf', `parley-${version}.tgz`], folder);
  expect(packed.split('\n').filter((path) => path.includes('/own/'))).toEqual(['parley/own/kustomization.yaml']);
  expect(packed).toContain('parley/base/parley.env');
});

test.each([
  ['a value that there is not', 'keda.enable=true', "additional properties 'enable' not allowed"],
  ['a secret among the settings', 'settings.PARLEY_MONGODB_URI=x', "invalid propertyName 'PARLEY_MONGODB_URI'"],
  ['a setting of something else', 'settings.POSTGRES_URL=x', "'POSTGRES_URL' does not match"],
  [
    'a patch of an object that there is not',
    'patches.Service/parley-gatway.spec=x',
    'no object is named Service/parley-gatway',
  ],
  ['half a digest', 'image.digest=sha256:0123', "'sha256:0123' does not match"],
])('%s is refused', async (_, set, reason) => {
  await expect(helm('--set', set)).rejects.toThrow(reason);
});
