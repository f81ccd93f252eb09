import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import type { Config } from '../../config/config.ts';
import { loadConfig } from '../../config/load-config.ts';
import { settings } from '../../config/settings.ts';
import { shutdownMs } from '../../domain/limits.ts';

const folder = fileURLToPath(new URL('../../../deploy/kubernetes/', import.meta.url));
const read = (path: string) => readFileSync(`${folder}${path}`, 'utf8');

// biome-ignore lint/suspicious/noExplicitAny: a manifest's shape is checked by its schema, in kubeconform
type Manifest = any;

const kustomization = parse(read('base/kustomization.yaml'));
const manifests: Manifest[] = kustomization.resources.flatMap((file: string) => documentsOf(`base/${file}`));
const [scaled] = documentsOf('keda/scaled-object.yaml');
const roles = ['gateway', 'worker', 'projector'] as const;
/** What somebody puts into the Secret, with every secret there is that the example leaves out. */
const secrets = parseEnv(read('base/secrets.env.example'));

function documentsOf(path: string): Manifest[] {
  return parseAllDocuments(read(path)).map((document) => document.toJS({ maxAliasCount: 100 }));
}

function ofKind(kind: string): Manifest[] {
  return manifests.filter((manifest) => manifest.kind === kind);
}

function deploymentOf(role: string): Manifest {
  return ofKind('Deployment').find(({ metadata }) => metadata.name === `parley-${role}`);
}

function containerOf(role: string): Manifest {
  return deploymentOf(role).spec.template.spec.containers[0];
}

/** The configuration that a pod of the role starts with, given what `parley.env` says. */
function configOf(role: string, given = parseEnv(read('base/parley.env'))): Config {
  const own = containerOf(role).env.map(({ name, value, valueFrom }: Manifest) => [
    name,
    value ?? `${valueFrom.fieldRef.fieldPath === 'metadata.name' ? `parley-${role}-5f6d8c7b9-abcde` : ''}`,
  ]);
  return loadConfig({ ...given, ...secrets, ...Object.fromEntries(own) });
}

/** Whether every label of the selector is on the pods of the role. */
function selects(selector: Record<string, string>, role: string): boolean {
  const { labels } = deploymentOf(role).spec.template.metadata;
  return Object.entries(selector).every(([name, value]) => labels[name] === value);
}

test('every manifest of the folder is part of the kustomization', () => {
  const files = readdirSync(`${folder}base`).filter((file) => file.endsWith('.yaml') && file !== 'kustomization.yaml');
  expect(new Set(kustomization.resources)).toEqual(new Set(files));
});

describe.each(roles)('the %s', (role) => {
  const pod = () => deploymentOf(role).spec.template.spec;

  test('is configured so that it starts, with its role and its name', () => {
    const config = configOf(role);
    expect(config.roles).toEqual([role]);
    expect(config.auth).toMatchObject({ kind: 'accounts', signUpOpen: false });
    expect(config.distributed?.instanceId).toMatch(new RegExp(`^parley-${role}-`));
  });

  test('as the example changes it, too', () => {
    const example = parse(read('example/kustomization.yaml'));
    const changes = parseEnv(example.configMapGenerator[0].literals.join('\n'));
    expect(configOf(role, { ...parseEnv(read('base/parley.env')), ...changes }).roles).toEqual([role]);
  });

  test('gets its settings from the ConfigMap and the Secret, and no PARLEY_ name from Kubernetes', () => {
    const [{ name }] = kustomization.configMapGenerator;
    expect(containerOf(role).envFrom).toEqual([
      { configMapRef: { name } },
      { secretRef: { name: /create secret generic (\S+)/.exec(read('base/secrets.env.example'))?.[1] } },
    ]);
    expect(pod().enableServiceLinks).toBe(false);
  });

  test('has time for preStop and a whole drain', () => {
    const preStopMs = (containerOf(role).lifecycle?.preStop.sleep.seconds ?? 0) * 1_000;
    expect(pod().terminationGracePeriodSeconds * 1_000).toBeGreaterThan(preStopMs + shutdownMs);
  });

  test('is asked for its health where it listens', () => {
    const { grpcListen, httpListen } = configOf(role);
    const { ports, ...container } = containerOf(role);
    const named = (name: string) => ports.find((port: Manifest) => port.name === name)?.containerPort;
    expect(named('http')).toBe(httpListen.port);
    expect(named('grpc')).toBe(role === 'gateway' ? grpcListen.port : undefined);
    const ready =
      role === 'gateway' ? { grpc: { port: grpcListen.port } } : { httpGet: { path: '/readyz', port: 'http' } };
    expect(container.readinessProbe).toMatchObject(ready);
    // Health by gRPC also says whether it takes clients: one that drains, or waits for the log, must not be killed for it.
    expect(container.livenessProbe).toMatchObject({ httpGet: { path: '/healthz', port: 'http' } });
  });

  test('may do no more than it must', () => {
    expect(pod()).toMatchObject({ automountServiceAccountToken: false, securityContext: { runAsNonRoot: true } });
    expect(containerOf(role).securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
  });

  test('loses one pod at a time when nodes are emptied', () => {
    const budgets = ofKind('PodDisruptionBudget').filter(({ spec }) => selects(spec.selector.matchLabels, role));
    expect(budgets.map(({ spec }) => spec.maxUnavailable)).toEqual([1]);
    expect(deploymentOf(role).spec.replicas).toBeGreaterThan(1);
  });
});

test('selectors choose the pods of one role and no others', () => {
  const chosen = (selector: Record<string, string>) => roles.filter((role) => selects(selector, role));
  for (const { spec } of ofKind('Deployment')) expect(chosen(spec.selector.matchLabels)).toHaveLength(1);
  for (const { spec } of ofKind('Service')) expect(chosen(spec.selector)).toEqual(['gateway']);
  for (const { spec } of ofKind('PodDisruptionBudget')) expect(chosen(spec.selector.matchLabels)).toHaveLength(1);
  const policies = ofKind('NetworkPolicy').map(({ spec }) => chosen(spec.podSelector.matchLabels));
  expect(policies).toEqual([[...roles]]);
});

describe('who reaches a pod', () => {
  /** Every source and port that the policies of these files allow to pods of the role. */
  function allowed(role: string, files: readonly string[]): Manifest[] {
    return files
      .flatMap(documentsOf)
      .filter(({ kind, spec }) => kind === 'NetworkPolicy' && selects(spec.podSelector.matchLabels, role))
      .flatMap(({ spec }) => spec.ingress)
      .map(({ from, ports }) => ({ from, ports: ports.map(({ port }: Manifest) => port) }));
  }

  const scraping = {
    from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
    ports: ['http'],
  };
  const base = kustomization.resources.map((file: string) => `base/${file}`);

  test.each(roles)('what scrapes metrics, and nothing else: the %s', (role) => {
    expect(allowed(role, base)).toEqual([scraping]);
  });

  test('with Envoy, Envoy reaches the gateways besides, and is believed where calls come from', () => {
    const [envoy] = documentsOf('envoy/deployment.yaml');
    const { labels } = envoy.spec.template.metadata;
    const files = [...base, 'envoy/deployment.yaml'];
    const through = { from: [{ podSelector: { matchLabels: labels } }], ports: ['grpc', 'http'] };
    expect(allowed('gateway', files)).toEqual([scraping, through]);
    for (const role of ['worker', 'projector']) expect(allowed(role, files)).toEqual([scraping]);
    const { literals } = parse(read('envoy/kustomization.yaml')).configMapGenerator[1];
    const { trustedProxies, trustedHops } = configOf('gateway', {
      ...parseEnv(read('base/parley.env')),
      ...parseEnv(literals.join('\n')),
    });
    expect([trustedProxies, trustedHops]).toEqual([['10.244.0.0/16'], 1]);
    expect(configOf('gateway').trustedProxies).toEqual([]);
  });
});

test('settings that are secret are in the Secret alone', () => {
  const secret = (name: string) => 'secret' in settings[name as keyof typeof settings];
  expect(Object.keys(parseEnv(read('base/parley.env'))).filter(secret)).toEqual([]);
  for (const { literals } of parse(read('example/kustomization.yaml')).configMapGenerator)
    expect(Object.keys(parseEnv(literals.join('\n'))).filter(secret)).toEqual([]);
});

test('workers are never more than partitions', () => {
  expect(scaled.spec.scaleTargetRef.name).toBe(deploymentOf('worker').metadata.name);
  expect(scaled.spec.maxReplicaCount).toBe(configOf('worker').limits.partitions);
  expect(scaled.spec.minReplicaCount).toBe(deploymentOf('worker').spec.replicas);
  // So that the alert on partitions without a worker counts the same.
  expect(readFileSync(`${folder}../prometheus/rules.yaml`, 'utf8')).toContain(
    `sum(parley_worker_partitions) < ${configOf('worker').limits.partitions}`,
  );
});
