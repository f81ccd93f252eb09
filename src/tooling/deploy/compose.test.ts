import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { composeTlsValues } from '../../../gateway/envoy/values.ts';
import { describeExposure } from '../../config/exposure.ts';
import { loadConfig } from '../../config/load-config.ts';
import { type SettingName, settings } from '../../config/settings.ts';
import { shutdownMs } from '../../domain/limits.ts';
import { AddressRanges } from '../../rpc/peer-address.ts';
import { type Compose, type ComposeService, environmentOf, networksOf, readCompose } from './testing/compose.ts';
import { exactRelease } from './testing/images.ts';

const folder = fileURLToPath(new URL('../../../deploy/', import.meta.url));
const read = (path: string) => readFileSync(`${folder}${path}`, 'utf8');
const text = read('compose.yaml');
const { version } = JSON.parse(readFileSync(`${folder}../package.json`, 'utf8')) as { version: string };
const names = Object.keys(parseEnv(read('.env.example')));
/** What somebody writes into .env. */
const secrets = Object.fromEntries(names.map((name) => [name, `secret-of-${name}`]));
const compose = readCompose(text, secrets);
const services = Object.entries(compose.services);
const roles = services.filter(([, { environment }]) => environment?.['PARLEY_ROLES'] !== undefined);

/** The relations of a compose file that it itself does not check until it is run, one sentence each. */
function problemsOf({ services, networks, volumes }: Compose): readonly string[] {
  return Object.entries(services).flatMap(([name, service]) => [
    ...Object.entries(service.depends_on ?? {}).flatMap(([on, { condition }]) =>
      dependencyProblems(services[on], condition).map((problem) => `${name} waits for ${on}: ${problem}`),
    ),
    ...(service.networks === undefined ? ['(none)'] : networksOf(service))
      .filter((network) => !Object.hasOwn(networks, network))
      .map((network) => `${name}: no network ${network}`),
    ...(service.volumes ?? []).map((volume) => volumeProblem(volume, volumes)).flatMap((found) => found ?? []),
    ...(service.ports ?? [])
      .filter((port) => !port.startsWith('127.0.0.1:'))
      .map((port) => `${name}: ${port} is open to all`),
    ...((service.ports ?? []).length > 0 && networksOf(service).every((network) => networks[network]?.internal)
      ? [`${name}: what only internal networks have cannot be published`]
      : []),
  ]);
}

function dependencyProblems(other: ComposeService | undefined, condition: string): readonly string[] {
  if (other === undefined) return ['there is no such service'];
  if (condition === 'service_healthy') return other.healthcheck === undefined ? ['it tells no health'] : [];
  if (condition === 'service_completed_successfully') return other.restart === 'no' ? [] : ['it never ends'];
  return [`${condition} says nothing`];
}

function volumeProblem(volume: string, volumes: Compose['volumes']): string[] | undefined {
  const [source = ''] = volume.split(':');
  const exists = source.startsWith('.') ? existsSync(`${folder}${source}`) : Object.hasOwn(volumes, source);
  return exists ? undefined : [`no ${source} for ${volume}`];
}

describe('compose.yaml', () => {
  test('has what it waits for, the networks and volumes that it names, and ports on this machine alone', () => {
    expect(problemsOf(compose)).toEqual([]);
  });

  test('runs two gateways, two workers and one projector', () => {
    const count = (role: string) =>
      roles
        .filter(([, { environment }]) => environment?.['PARLEY_ROLES'] === role)
        .reduce((sum, [, { deploy }]) => sum + (deploy?.replicas ?? 1), 0);
    expect([count('gateway'), count('worker'), count('projector')]).toEqual([2, 2, 1]);
  });

  test.each(roles)('%s is configured so that it starts', (_, service) => {
    const environment = environmentOf(service, read);
    const config = loadConfig(environment);
    expect(config.profile).toBe('distributed');
    expect(config.auth).toMatchObject({ kind: 'accounts', signUpOpen: false });
    expect(config.grpcListen.host).toBe('0.0.0.0');
  });

  test('gateways have names of their own, and what may be many has none', () => {
    const named = roles.map(([name, { environment, deploy }]) => ({
      name,
      many: deploy?.replicas !== undefined,
      id: environment?.['PARLEY_INSTANCE_ID'],
    }));
    const ids = named.flatMap(({ id }) => id ?? []);
    expect(new Set(ids).size).toBe(ids.length);
    expect(named.filter(({ many, id }) => many && id !== undefined)).toEqual([]);
    expect(named.filter(({ name, id }) => name.startsWith('gateway') && id === undefined)).toEqual([]);
  });

  test.each(roles)('%s has time for a whole drain', (_, service) => {
    const graceMs = Number(/^(\d+)s$/.exec(service.stop_grace_period ?? '')?.[1]) * 1_000;
    expect(graceMs).toBeGreaterThan(shutdownMs);
    expect(service).toMatchObject({ init: true });
  });

  /** What a container of the service could do beyond what it must, one sentence each. */
  function freedomsOf({ user = '', ...service }: ComposeService): readonly string[] {
    const { read_only, tmpfs = [], cap_drop = [], security_opt = [], volumes = [], ...rest } = service;
    const hold: readonly (readonly [string, boolean])[] = [
      ['may write to its image', read_only === true && tmpfs.includes('/tmp')],
      ['has capabilities', cap_drop.join() === 'ALL'],
      ['may gain rights', security_opt.includes('no-new-privileges:true')],
      ['runs as root, or as whom the image says', user !== '' && !/^(0|root)(:|$)/.test(user)],
      ['sees this machine', volumes.every((volume) => !volume.startsWith('/') && !/^\.[^:]*:(?!.*:ro$)/.test(volume))],
    ];
    const opened = ['privileged', 'cap_add', 'devices', 'network_mode', 'pid', 'ipc', 'userns_mode'];
    return [
      ...hold.filter(([, holds]) => !holds).map(([sentence]) => sentence),
      ...opened.filter((name) => Object.hasOwn(rest, name)),
    ];
  }

  test.each(services)('%s may do no more than it must', (name, service) => {
    // Its image has no user, so its volume is root's.
    const known = name === 's3' ? ['runs as root, or as whom the image says'] : [];
    expect(freedomsOf(service)).toEqual(known);
  });

  test('what a container may do beyond that is found', () => {
    const [, gateway = {}] = roles[0] ?? [];
    const free = { user: 'root', volumes: ['./parley.env:/parley.env', '/var/run/docker.sock:/docker.sock'] };
    expect(freedomsOf({ ...gateway, ...free, read_only: false, cap_drop: [], security_opt: [] })).toHaveLength(5);
    expect(freedomsOf({ ...gateway, ...{ privileged: true } })).toEqual(['privileged']);
  });

  test('every service that stays has a health check and starts again when it dies', () => {
    const staying = services.filter(([, { restart }]) => restart !== 'no');
    const lacking = staying.filter(([, { healthcheck, restart }]) => !healthcheck || restart !== 'unless-stopped');
    expect(lacking).toEqual([]);
    const times = staying.flatMap(([, { healthcheck }]) =>
      Object.entries(healthcheck ?? {}).filter(([name]) => /interval|timeout|period/.test(name)),
    );
    expect(times.filter(([, time]) => !/^\d+s$/.test(String(time)))).toEqual([]);
    expect(times.length).toBeGreaterThan(0);
  });

  test('Envoy is the one proxy whose word is taken, at an address that no other container gets', () => {
    const { networks = {} } = compose.services['envoy'] ?? {};
    const [address = ''] = Object.values(networks).map(({ ipv4_address }) => ipv4_address ?? '');
    const [range] = compose.networks['outside']?.ipam?.config ?? [];
    expect(new AddressRanges([range?.subnet ?? '']).has(address)).toBe(true);
    expect(new AddressRanges([range?.ip_range ?? '']).has(address)).toBe(false);
    for (const [name, service] of roles.filter(([role]) => role.startsWith('gateway'))) {
      expect(networksOf(service)).toContain('outside');
      const { trustedProxies, trustedHops } = loadConfig(environmentOf(service, read));
      expect([name, trustedProxies, trustedHops]).toEqual([name, [address], 1]);
    }
  });

  test('images are exact releases, the one built here that of this tree', () => {
    const images = services.map(([, { image = '' }]) => image);
    expect(images.filter((image) => !exactRelease.test(image))).toEqual([]);
    expect(new Set(images.filter((image) => image.startsWith('parley:')))).toEqual(new Set([`parley:${version}`]));
  });

  test('holds no secret: each comes from .env, which is not in the tree', () => {
    const secretNames = Object.entries(settings).flatMap(([name, setting]) => ('secret' in setting ? [name] : []));
    const notSecretHere = ['PARLEY_MONGODB_URI', 'PARLEY_ACCOUNTS_MONGODB_URI', 'PARLEY_NATS_SERVERS'];
    for (const [, service] of roles) {
      const environment = environmentOf(service, read);
      for (const name of secretNames.filter((secret) => !notSecretHere.includes(secret)))
        expect(environment[name] ?? secrets['OPENAI_API_KEY']).toMatch(/^(secret-of-.*)?$/);
      for (const name of notSecretHere) expect(environment[name] ?? '').not.toContain('@');
    }
    const written = Object.values((parse(text, { merge: true }) as Compose).services).flatMap(({ environment = {} }) =>
      Object.entries(environment).filter(([name]) => /PASSWORD|SECRET|KEY|TOKEN/.test(name)),
    );
    expect(written.filter(([, value]) => !/^\$\{\w+:[-?][^}]*\}$/.test(String(value)))).toEqual([]);
    expect(written.length).toBeGreaterThan(0);
    expect(read('.gitignore').split('\n')).toContain('.env');
    expect(Object.values(parseEnv(read('.env.example'))).join('')).toBe('');
  });

  test('gives each role the secrets that it uses, and no others', () => {
    const given = roles.map(([name, service]) => {
      const environment = environmentOf(service, read);
      const isSecret = (setting: string) =>
        Object.hasOwn(settings, setting) && 'secret' in settings[setting as SettingName];
      return [name, loadConfig(environment).unusedSecrets, Object.keys(environment).filter(isSecret).toSorted()];
    });
    const ofAll = ['PARLEY_MONGODB_URI', 'PARLEY_S3_SECRET_ACCESS_KEY'];
    const ofGateways = ['PARLEY_ACCOUNTS_MONGODB_URI', ofAll[0], 'PARLEY_NATS_SERVERS', ofAll[1]];
    expect(given).toEqual([
      ['gateway-1', [], ofGateways],
      ['gateway-2', [], ofGateways],
      ['worker', [], [ofAll[0], 'PARLEY_NATS_SERVERS', 'PARLEY_OPENAI_API_KEY', ofAll[1]]],
      ['projector', [], ofAll],
    ]);
  });

  test.each(roles)('%s exposes nothing that check-config warns of, but /metrics, to its networks', (_, service) => {
    const told = describeExposure(loadConfig(environmentOf(service, read)));
    const warnings = told.split('\n').filter((line) => line.startsWith('warning: '));
    expect(warnings).toEqual([expect.stringContaining('/metrics asks nobody')]);
  });

  test('Envoy of compose.tls.yaml passes on what the gateways sign URLs for, and reads no file that is not mounted', () => {
    const [gateway] = roles.map(([, service]) => loadConfig(environmentOf(service, read)));
    const { endpoint, bucket } = gateway?.distributed?.s3 ?? {};
    const { mediaStore, gateways } = composeTlsValues;
    expect([`http://${mediaStore.host}:${mediaStore.port}`, mediaStore.bucket]).toEqual([endpoint, bucket]);
    expect(gateways.map(({ host }) => host)).toEqual(['gateway-1', 'gateway-2']);
    expect(existsSync(`${folder}envoy/tls${composeTlsValues.tls.file.replace('/etc/envoy', '')}`)).toBe(true);
  });

  test('gateways alone reach the accounts', () => {
    const [gateway] = roles.map(([, service]) => environmentOf(service, read));
    const host = new URL(gateway?.['PARLEY_ACCOUNTS_MONGODB_URI'] ?? '').hostname;
    const ofAccounts = networksOf(compose.services[host] ?? {});
    expect(ofAccounts.map((network) => compose.networks[network]?.internal)).toEqual([true]);
    const there = services.filter(([, service]) => networksOf(service).some((network) => ofAccounts.includes(network)));
    expect(there.map(([name]) => name)).toEqual(['gateway-1', 'gateway-2', host, `${host}-replica-set`]);
  });

  test('every variable is in .env.example, apart from that of the image', () => {
    const asked = [...`${text}${read('compose.tls.yaml')}`.matchAll(/\$\{(\w+)/g)].map(([, name]) => name);
    expect(new Set(asked)).toEqual(new Set([...names, 'IMAGE_TAG']));
  });

  test('says what to do when .env is missing', () => {
    expect(() => readCompose(text, {})).toThrow('copy .env.example to .env');
  });

  test('what is published is what clients are told', () => {
    const { PARLEY_S3_PUBLIC_ENDPOINT: url = '' } = parseEnv(read('parley.env'));
    expect(compose.services['s3']?.ports?.[0]).toMatch(new RegExp(`^127\\.0\\.0\\.1:${new URL(url).port}:`));
    const envoy = read('envoy/envoy.yaml');
    for (const [name] of roles.filter(([name]) => name.startsWith('gateway')))
      expect(envoy).toContain(`address: ${name}, port_value: 50051`);
  });
});

describe('what is wrong in a compose file is found', () => {
  const changed = (change: (service: Record<string, unknown>) => void) => {
    const copy = structuredClone(compose);
    change(copy.services['gateway-1'] as Record<string, unknown>);
    return problemsOf(copy);
  };

  test.each<[string, Record<string, unknown>]>([
    [
      'gateway-1 waits for redis: there is no such service',
      { depends_on: { redis: { condition: 'service_healthy' } } },
    ],
    [
      'gateway-1 waits for nats: service_started says nothing',
      { depends_on: { nats: { condition: 'service_started' } } },
    ],
    ['gateway-1: no network nowhere', { networks: ['nowhere'] }],
    ['no spool for spool:/spool', { volumes: ['spool:/spool'] }],
    ['gateway-1: 8080:8080 is open to all', { ports: ['8080:8080'], networks: ['outside'] }],
  ])('%s', (problem, change) => {
    expect(changed((service) => Object.assign(service, change))).toEqual([problem]);
  });
});
