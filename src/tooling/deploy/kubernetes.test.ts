import { readdirSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import type { Config } from '../../config/config.ts';
import { describeExposure } from '../../config/exposure.ts';
import { loadConfig } from '../../config/load-config.ts';
import type { Role } from '../../config/setting.ts';
import { isUsed, type SettingName, settings } from '../../config/settings.ts';
import { shutdownMs } from '../../domain/limits.ts';
import { exactRelease } from './testing/images.ts';
import {
  containerOf,
  deploymentOf,
  documentsOf,
  exampleSettings,
  kubernetesFolder,
  kustomization,
  type Manifest,
  manifests,
  podEnvironment,
  readKubernetes,
  roles,
  secretExampleOf,
  selectsPods,
} from './testing/kubernetes.ts';

const scaledOf = (role: Role): Manifest =>
  documentsOf('keda/scaled-object.yaml').find(({ metadata }) => metadata.name === `parley-${role}`);
/** What somebody puts into the Secret of the role: all that the example has, what is only needed sometimes as well. */
const secretsOf = (role: Role) => parseEnv(secretExampleOf(role).replace(/^#(?=PARLEY_)/gm, ''));
const isSecret = (name: string) => 'secret' in settings[name as SettingName];

function ofKind(kind: string): Manifest[] {
  return manifests.filter((manifest) => manifest.kind === kind);
}

/** The configuration that a pod of the role starts with, given what `parley.env` says. */
function configOf(role: Role, given?: Readonly<Record<string, string | undefined>>): Config {
  return loadConfig(podEnvironment(role, given, secretsOf(role)));
}

test('every manifest of the folder is part of the kustomization', () => {
  const files = readdirSync(`${kubernetesFolder}base`).filter(
    (file) => file.endsWith('.yaml') && file !== 'kustomization.yaml',
  );
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
    expect(configOf(role, exampleSettings()).roles).toEqual([role]);
  });

  test('exposes nothing that check-config warns of, but /metrics, which a policy guards', () => {
    const { literals } = parse(readKubernetes('envoy/kustomization.yaml')).configMapGenerator[1];
    const settings = { ...exampleSettings(), ...parseEnv(literals.join('\n')) };
    const told = describeExposure(loadConfig(podEnvironment(role, settings)));
    const warnings = told.split('\n').filter((line) => line.startsWith('warning: '));
    expect(warnings).toEqual([expect.stringContaining('/metrics asks nobody')]);
  });

  test('gets its settings from the ConfigMap and the Secret, and no PARLEY_ name from Kubernetes', () => {
    const [{ name }] = kustomization.configMapGenerator;
    expect(containerOf(role).envFrom).toEqual([
      { configMapRef: { name } },
      { secretRef: { name: /create secret generic (\S+)/.exec(secretExampleOf(role))?.[1] } },
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

  test('loses one pod at a time when nodes are emptied', () => {
    const budgets = ofKind('PodDisruptionBudget').filter(({ spec }) => selectsPods(spec.selector, role));
    expect(budgets.map(({ spec }) => spec.maxUnavailable)).toEqual([1]);
    expect(deploymentOf(role).spec.replicas).toBeGreaterThan(1);
  });
});

test('selectors choose the pods of one role and no others', () => {
  const chosen = (selector: Record<string, string>) =>
    roles.filter((role) => selectsPods({ matchLabels: selector }, role));
  for (const { spec } of ofKind('Deployment')) expect(chosen(spec.selector.matchLabels)).toHaveLength(1);
  for (const { spec } of ofKind('Service')) expect(chosen(spec.selector)).toEqual(['gateway']);
  for (const { spec } of ofKind('PodDisruptionBudget')) expect(chosen(spec.selector.matchLabels)).toHaveLength(1);
});

describe('every pod', () => {
  const pods: [string, Manifest][] = [...manifests, ...documentsOf('envoy/deployment.yaml')].flatMap(
    ({ kind, metadata, spec }) => (kind === 'Deployment' ? [[metadata.name, spec.template.spec]] : []),
  );

  test.each(pods)('%s may do no more than it must', (_, pod) => {
    expect(pod.automountServiceAccountToken).toBe(false);
    expect(pod.securityContext).toEqual({
      runAsNonRoot: true,
      runAsUser: expect.any(Number),
      runAsGroup: expect.any(Number),
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(Math.min(pod.securityContext.runAsUser, pod.securityContext.runAsGroup)).toBeGreaterThanOrEqual(10_000);
    for (const { resources } of pod.containers)
      expect(resources).toMatchObject({
        requests: { cpu: expect.any(String), memory: expect.any(String), 'ephemeral-storage': expect.any(String) },
        limits: { memory: expect.any(String), 'ephemeral-storage': expect.any(String) },
      });
    for (const shared of ['hostNetwork', 'hostPID', 'hostIPC']) expect(pod).not.toHaveProperty(shared);
    for (const { securityContext } of [...pod.containers, ...(pod.initContainers ?? [])])
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    expect(pod.volumes.filter((volume: Manifest) => volume.hostPath)).toEqual([]);
  });

  test('is of an exact release: those of others here, its own where a deployment says which', () => {
    const images = pods.flatMap(([, { containers }]) => containers.map(({ image }: Manifest) => image));
    expect(images.filter((image) => image !== 'parley' && !exactRelease.test(image))).toEqual([]);
    const [own] = parse(readKubernetes('example/kustomization.yaml')).images;
    const { version } = JSON.parse(readFileSync(`${kubernetesFolder}../../package.json`, 'utf8'));
    expect(own).toMatchObject({ name: 'parley', newTag: version });
    expect(parse(readKubernetes('Chart.yaml'))).toMatchObject({ version, appVersion: version });
  });
});

describe('secrets', () => {
  test('are no values of the chart', () => {
    const { not } = JSON.parse(readKubernetes('values.schema.json')).properties.settings.propertyNames;
    expect(not.enum).toEqual(Object.keys(settings).filter(isSecret).toSorted());
  });

  test('are in Secrets alone', () => {
    expect(Object.keys(parseEnv(readKubernetes('base/parley.env'))).filter(isSecret)).toEqual([]);
    for (const { literals } of parse(readKubernetes('example/kustomization.yaml')).configMapGenerator)
      expect(Object.keys(parseEnv(literals.join('\n'))).filter(isSecret)).toEqual([]);
  });

  test.each(roles)('the %s has each one that it uses, and no others', (role) => {
    const used = Object.keys(settings).filter((name) => isSecret(name) && isUsed(name as SettingName, [role]));
    expect(Object.keys(secretsOf(role)).filter(isSecret).toSorted()).toEqual(used.toSorted());
    expect(configOf(role).unusedSecrets).toEqual([]);
  });

  test('of one role are of no use in the place of another: users and Secrets differ', () => {
    const users = roles.map((role) =>
      [...secretExampleOf(role).matchAll(/:\/\/([\w-]+):PASSWORD@/g)].map(([, user]) => user),
    );
    expect(users.map((names) => [...new Set(names)])).toEqual(roles.map((role) => [`parley-${role}`]));
    const names = roles.map((role) => containerOf(role).envFrom[1].secretRef.name);
    expect(names).toEqual(roles.map((role) => `parley-${role}-secrets`));
  });

  test('no pod but Envoy mounts one, and the certificate is the only one there', () => {
    const mounted = [...manifests, ...documentsOf('envoy/deployment.yaml')]
      .filter(({ kind }) => kind === 'Deployment')
      .flatMap(({ metadata, spec }) =>
        spec.template.spec.volumes.flatMap(({ secret }: Manifest) =>
          secret ? [[metadata.name, secret.secretName]] : [],
        ),
      );
    expect(mounted).toEqual([['parley-envoy', 'parley-tls']]);
  });
});

describe('KEDA', () => {
  test.each(['worker', 'gateway'] as const)('never leaves fewer of the %s than stand in the manifest', (role) => {
    const scaled = scaledOf(role);
    expect(scaled.spec.scaleTargetRef.name).toBe(deploymentOf(role).metadata.name);
    expect(scaled.spec.minReplicaCount).toBe(deploymentOf(role).spec.replicas);
    expect(scaled.spec.fallback.replicas).toBeGreaterThanOrEqual(scaled.spec.minReplicaCount);
  });

  test('takes one gateway away at a time, each after the drain of the one before', () => {
    const { policies } = scaledOf('gateway').spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown;
    expect(policies).toEqual([{ type: 'Pods', value: 1, periodSeconds: expect.any(Number) }]);
    const { terminationGracePeriodSeconds } = deploymentOf('gateway').spec.template.spec;
    expect(policies[0].periodSeconds).toBeGreaterThan(terminationGracePeriodSeconds);
  });

  test('never runs more workers than there are partitions', () => {
    expect(scaledOf('worker').spec.maxReplicaCount).toBe(configOf('worker').limits.partitions);
    // So that the alert on partitions without a worker counts the same.
    expect(readFileSync(`${kubernetesFolder}../prometheus/rules.yaml`, 'utf8')).toContain(
      `sum(parley_worker_partitions) < ${configOf('worker').limits.partitions}`,
    );
  });
});
