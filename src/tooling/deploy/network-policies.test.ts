import { parseEnv } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import type { Config } from '../../config/config.ts';
import { loadConfig } from '../../config/load-config.ts';
import type { Role } from '../../config/setting.ts';
import {
  documentsOf,
  exampleSettings,
  kustomization,
  type Manifest,
  podEnvironment,
  readKubernetes,
  roles,
  selectsPods,
} from './testing/kubernetes.ts';

const isPolicy = ({ kind }: Manifest) => kind === 'NetworkPolicy';
const base: readonly Manifest[] = documentsOf('base/network-policy.yaml');
/** A patch replaces the list of what may be reached, as Kubernetes merges lists without a key. */
const example: readonly Manifest[] = [
  ...base.map((policy) => {
    const patch = documentsOf('example/network-policy.yaml').find(
      ({ metadata }) => metadata.name === policy.metadata.name,
    );
    return patch === undefined ? policy : { ...policy, spec: { ...policy.spec, ...patch.spec } };
  }),
  ...documentsOf('example/model.yaml'),
];
const envoy = documentsOf('envoy/deployment.yaml');
const byEnvoy = envoy.filter(isPolicy);

/** Those that are about pods of the role. */
function policiesOf(role: Role, policies: readonly Manifest[]): Manifest[] {
  return policies.filter(({ spec }) => selectsPods(spec.podSelector, role));
}

/** The port of each place that a process so configured reaches, and the namespace that the place is in: `outside` for those that are in none. */
function neededBy({ roles: [role], distributed, provider }: Config): string[] {
  if (distributed === undefined) throw new Error('this is for the distributed profile');
  const { kafka, mongodbUri, accountsMongodbUri, natsServers, s3 } = distributed;
  // The driver's own form of an address has several hosts; each has the port of the first.
  const mongodb = [mongodbUri, accountsMongodbUri].map((uri) => `${uri.replace(/,[^/]*/, '')}`);
  const places = [
    ...kafka.brokers.map((broker) => placeOf(`kafka://${broker}`, '')),
    ...mongodb.map((uri) => placeOf(uri, '27017')),
    ...natsServers.map((server) => placeOf(server, '4222')),
    placeOf(s3.endpoint || `https://s3.${s3.region}.amazonaws.com`, '443'),
    ...(role === 'worker' && provider.kind === 'openai' ? [placeOf(provider.baseUrl, '443')] : []),
  ];
  return [...new Set(places)].toSorted();
}

function placeOf(url: string, defaultPort: string): string {
  const { hostname, port } = new URL(url);
  const [, namespace = 'outside'] = /^[\w-]+\.([\w-]+)\.svc$/.exec(hostname) ?? [];
  return `${namespace}:${port || defaultPort}`;
}

/** The same of what policies allow to pods of the role. Looking up names is apart. */
function reachedBy(role: Role, policies: readonly Manifest[]): string[] {
  const rules: Manifest[] = policiesOf(role, policies)
    .filter(({ metadata }) => metadata.name !== 'parley-dns')
    .flatMap(({ spec }) => spec.egress ?? []);
  const places = rules.flatMap(({ to, ports }) =>
    to.flatMap(({ namespaceSelector, ipBlock }: Manifest) =>
      ports.map(({ port }: Manifest) => {
        const namespace = ipBlock ? 'outside' : namespaceSelector.matchLabels['kubernetes.io/metadata.name'];
        return `${namespace}:${port}`;
      }),
    ),
  );
  return [...new Set<string>(places)].toSorted();
}

const deployments: [string, readonly Manifest[], Readonly<Record<string, string | undefined>>][] = [
  ['the base', base, parseEnv(readKubernetes('base/parley.env'))],
  ['the example', example, exampleSettings()],
];

describe.each(deployments)('what a pod reaches in %s', (_, policies, settings) => {
  test.each(roles)('is what its settings name, and nothing else: the %s', (role) => {
    expect(reachedBy(role, policies)).toEqual(neededBy(loadConfig(podEnvironment(role, settings))));
  });

  test.each(roles)('is nothing by default, but the names of the cluster: the %s', (role) => {
    const all = policiesOf(role, policies);
    const closed = all.find(({ metadata }) => metadata.name === 'parley-default');
    expect(closed.spec).toEqual({ podSelector: expect.anything(), policyTypes: ['Ingress', 'Egress'] });
    const [dns] = all.filter(({ metadata }) => metadata.name === 'parley-dns');
    expect(dns.spec.egress).toEqual([resolving]);
    // A policy that forgot its type would allow nothing to the one side, and say nothing of it.
    for (const { spec } of all.filter((policy) => policy !== closed))
      expect(spec.policyTypes).toEqual([spec.egress ? 'Egress' : 'Ingress']);
  });
});

const resolving = {
  to: [
    {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
      podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
    },
  ],
  ports: [
    { port: 53, protocol: 'UDP' },
    { port: 53, protocol: 'TCP' },
  ],
};

test('the model is asked by workers alone: in the example no other role reaches its addresses', () => {
  const blocks = (role: Role) =>
    policiesOf(role, example)
      .flatMap(({ spec }) => spec.egress ?? [])
      .flatMap(({ to }) => to.flatMap(({ ipBlock }: Manifest) => ipBlock ?? []));
  const [model] = documentsOf('example/model.yaml');
  const [{ ipBlock }] = model.spec.egress[0].to;
  expect(roles.filter((role) => blocks(role).some(({ cidr }) => cidr === ipBlock.cidr))).toEqual(['worker']);
  expect(roles.flatMap(blocks).filter(({ cidr }) => /\/0$/.test(cidr))).toEqual([]);
});

test('where the media store may be anywhere, that is neither a private network nor the metadata of a node', () => {
  const anywhere = base
    .flatMap(({ spec }) => spec.egress ?? [])
    .flatMap(({ to }) => to.flatMap(({ ipBlock }: Manifest) => ipBlock ?? []));
  expect(anywhere.map(({ cidr }) => cidr)).toEqual(['0.0.0.0/0', '::/0']);
  expect(anywhere[0].except).toEqual(expect.arrayContaining(['10.0.0.0/8', '169.254.0.0/16', '192.168.0.0/16']));
  expect(anywhere[1].except).toEqual(expect.arrayContaining(['fc00::/7', 'fe80::/10']));
});

describe('who reaches a pod', () => {
  /** Every source and port that the policies allow to pods of the role. */
  function allowed(role: Role, policies: readonly Manifest[]): Manifest[] {
    return policiesOf(role, policies)
      .flatMap(({ spec }) => spec.ingress ?? [])
      .map(({ from, ports }) => ({ from, ports: ports.map(({ port }: Manifest) => port) }));
  }

  const scraping = {
    from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
    ports: ['http'],
  };

  test.each(roles)('what scrapes metrics, and nothing else: the %s', (role) => {
    expect(kustomization.resources).toContain('network-policy.yaml');
    expect(allowed(role, base)).toEqual([scraping]);
  });

  test('with Envoy, Envoy reaches the gateways besides, and is believed where calls come from', () => {
    const [deployment] = envoy;
    const { labels } = deployment.spec.template.metadata;
    const policies = [...base, ...byEnvoy];
    const through = { from: [{ podSelector: { matchLabels: labels } }], ports: ['grpc', 'http'] };
    expect(allowed('gateway', policies)).toEqual([scraping, through]);
    for (const role of ['worker', 'projector'] as const) expect(allowed(role, policies)).toEqual([scraping]);
    const { literals } = parse(readKubernetes('envoy/kustomization.yaml')).configMapGenerator[1];
    const settings = parseEnv(readKubernetes('base/parley.env'));
    const configOf = (given: Readonly<Record<string, string | undefined>>) =>
      loadConfig(podEnvironment('gateway', given));
    const { trustedProxies, trustedHops } = configOf({ ...settings, ...parseEnv(literals.join('\n')) });
    expect([trustedProxies, trustedHops]).toEqual([['10.244.0.0/16'], 1]);
    expect(configOf(settings).trustedProxies).toEqual([]);
  });

  test('anybody reaches Envoy where clients do, what scrapes it its statistics, and it reaches both ports of gateways and no other pod', () => {
    const [deployment] = envoy;
    const [policy] = byEnvoy.filter(({ metadata }) => metadata.name === 'parley-envoy');
    expect(policy.spec.podSelector.matchLabels).toEqual(deployment.spec.selector.matchLabels);
    expect(policy.spec.policyTypes).toEqual(['Ingress', 'Egress']);
    expect(policy.spec.ingress).toEqual([
      { ports: [{ port: deployment.spec.template.spec.containers[0].ports[0].name }] },
      {
        from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
        ports: [{ port: deployment.spec.template.spec.containers[0].ports[1].name }],
      },
    ]);
    const [gateways, dns] = policy.spec.egress;
    expect(policy.spec.egress).toHaveLength(2);
    expect(dns).toEqual(resolving);
    expect(roles.filter((role) => selectsPods(gateways.to[0].podSelector, role))).toEqual(['gateway']);
    const { grpcListen, httpListen } = loadConfig(podEnvironment('gateway'));
    expect(gateways.ports).toEqual([{ port: grpcListen.port }, { port: httpListen.port }]);
  });
});
