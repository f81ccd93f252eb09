import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../testing/property.ts';
import { describeConfig } from './describe-config.ts';
import { loadEnvironment } from './environment.ts';
import { ConfigInvalid, loadConfig } from './load-config.ts';
import type { Setting } from './setting.ts';
import { settings } from './settings.ts';

function problemsOf(env: Record<string, string | undefined>): readonly string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigInvalid) return error.problems;
    throw error;
  }
  return [];
}

describe('defaults', () => {
  test('an empty environment gives the documented defaults', () => {
    const config = loadConfig({});
    expect(config.grpcListen).toEqual({ host: '127.0.0.1', port: 50_051 });
    expect(config.limits).toMatchObject({
      maxClients: 50,
      maxProcessing: 500,
      partitions: 10,
      maxProcessingPerPartition: 50,
      writesPerClientPerMinute: 600,
      writesPerAddressPerMinute: 6_000,
      messagesPerClientPerMinute: 12_000,
    });
    expect(config.provider).toMatchObject({ kind: 'simulated', textDelayMs: { min: 0, max: 1_000 }, seed: 1 });
    expect(config.allowedTimeZones).toEqual(['*']);
  });

  test('web pages and proxies are trusted as they are named, and no others', () => {
    const { webOrigins, trustedProxies } = loadConfig({
      PARLEY_WEB_ORIGINS: 'https://chat.example.org,http://localhost:5173',
      PARLEY_TRUSTED_PROXIES: '10.0.0.0/8, fd00::/8, 192.0.2.7',
    });
    expect(webOrigins).toEqual(['https://chat.example.org', 'http://localhost:5173']);
    expect(trustedProxies).toEqual(['10.0.0.0/8', 'fd00::/8', '192.0.2.7']);
    expect(loadConfig({})).toMatchObject({ webOrigins: [], trustedProxies: [], trustedHops: 1 });
  });

  test('an empty value counts as not given', () => {
    expect(loadConfig({ PARLEY_MAX_CLIENTS: '', PARLEY_PREFIX: ' ' })).toEqual(loadConfig({}));
  });

  test('names of others are none of its business', () => {
    expect(problemsOf({ PATH: '/bin', parley_max: '1', NOT_PARLEY_X: '1' })).toEqual([]);
  });

  test('frozen through and through', () => {
    const config = loadConfig({});
    expect(() => Object.assign(config.limits, { maxClients: 51 })).toThrow(TypeError);
    expect(() => (config.roles as string[]).push('more')).toThrow(TypeError);
  });
});

describe('bad values', () => {
  test.each([
    ['PARLEY_MAX_CLIENTS', '0', 'clients, a whole number from 1 to 100000'],
    ['PARLEY_MAX_CLIENTS', '1e3', 'clients, a whole number'],
    ['PARLEY_MAX_CLIENTS', '-1', 'clients, a whole number'],
    ['PARLEY_STALE_AFTER_MS', '45s', 'milliseconds, a whole number'],
    ['PARLEY_GRPC_LISTEN', '50051', 'host:port'],
    ['PARLEY_GRPC_LISTEN', '127.0.0.1:65536', 'host:port'],
    ['PARLEY_PREFIX', 'Has Space', 'beginning with a letter'],
    ['PARLEY_ALLOW_INSECURE', 'yes', 'true or false'],
    ['PARLEY_PROVIDER', 'gpt', 'simulated or openai'],
    ['PARLEY_SIMULATED_TEXT_DELAY_MS', '1000-0', 'milliseconds'],
    ['PARLEY_SIMULATED_TEXT_DELAY_MS', '1-2-3', 'milliseconds'],
    ['PARLEY_ALLOWED_TIME_ZONES', 'Asia/Tokyo,,Europe/Paris', 'IANA name'],
    ['PARLEY_ROLES', 'gateway,gateway,worker', 'gateway or worker or projector'],
    ['PARLEY_OPENAI_BASE_URL', 'ftp://host/', 'http:// or https:// URL'],
    ['PARLEY_WEB_ORIGINS', 'https://chat.example.org/', 'an origin as browsers write it'],
    ['PARLEY_WEB_ORIGINS', 'https://chat.example.org:443', 'an origin as browsers write it'],
    ['PARLEY_WEB_ORIGINS', '*', 'an origin as browsers write it'],
    ['PARLEY_TRUSTED_PROXIES', '10.0.0.0/33', 'an IP address or a range'],
    ['PARLEY_TRUSTED_PROXIES', 'envoy', 'an IP address or a range'],
    ['PARLEY_TRUSTED_HOPS', '0', 'a whole number from 1 to 10'],
    ['PARLEY_TRUSTED_PROXIES', '10.0.0.0/8/8', 'an IP address or a range'],
  ])('%s=%s is refused with name, value and what is expected', (name, value, expected) => {
    const problems = problemsOf({ [name]: value });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(`${name}=${value}: expected `);
    expect(problems[0]).toContain(expected);
  });

  test('an unknown name is refused with the nearest known one', () => {
    expect(problemsOf({ PARLEY_MAX_CLIENT: '3' })).toEqual([
      'PARLEY_MAX_CLIENT is not a setting; the nearest one is PARLEY_MAX_CLIENTS',
    ]);
    expect(problemsOf({ PARLEY_FOO: '1' })).toEqual(['PARLEY_FOO is not a setting; docs/configuration.md lists them']);
  });

  test('all problems are told at once', () => {
    expect(problemsOf({ PARLEY_MAX_CLIENT: '3', PARLEY_PARTITIONS: 'x', PARLEY_LOG_LEVEL: 'loud' })).toHaveLength(3);
  });

  test('no secret is in a problem', () => {
    const secret = 'sk-hidden'.repeat(1_000);
    const problems = problemsOf({ PARLEY_OPENAI_API_KEY: secret, PARLEY_OPENAI_BASE_URL: 'http://me:hidden@host/v1' });
    expect(problems).toHaveLength(2);
    expect(problems.join()).not.toContain('hidden');
  });

  test('whatever the values are, each problem is one line that names a setting', () => {
    const name = fc.constantFrom(...Object.keys(settings), 'PARLEY_X\nY');
    const env = fc.dictionary(name, fc.string({ unit: 'binary', maxLength: 200 }));
    assertProperty(
      fc.property(env, (given) => {
        for (const problem of problemsOf(given)) expect(problem).toMatch(/^PARLEY_[^\n\r]*$/);
      }),
    );
  });
});

const engines = {
  PARLEY_PROFILE: 'distributed',
  PARLEY_KAFKA_BROKERS: 'k1:9092,k2:9092',
  PARLEY_MONGODB_URI: 'mongodb://m/',
  PARLEY_NATS_SERVERS: 'nats://n:4222',
};

describe('relations', () => {
  test('a process of the distributed profile may do one thing only', () => {
    expect(problemsOf({ ...engines, PARLEY_ROLES: 'worker' })).toEqual([]);
  });

  test('a projector needs no live bus', () => {
    const without = { ...engines, PARLEY_NATS_SERVERS: '' };
    expect(problemsOf({ ...without, PARLEY_ROLES: 'projector' })).toEqual([]);
    expect(problemsOf({ ...without, PARLEY_ROLES: 'worker' })).toHaveLength(1);
  });

  test('accounts are in the database of the read models, or in one of their own', () => {
    const own = 'mongodb://a/accounts';
    expect(loadConfig(engines).distributed).toMatchObject({
      mongodbUri: 'mongodb://m/',
      accountsMongodbUri: 'mongodb://m/',
    });
    expect(loadConfig({ ...engines, PARLEY_ACCOUNTS_MONGODB_URI: own }).distributed).toMatchObject({
      mongodbUri: 'mongodb://m/',
      accountsMongodbUri: own,
    });
  });

  test.each([
    [{ PARLEY_STALE_AFTER_MS: '30000' }, 'PARLEY_STALE_AFTER_MS=30000 must be more than twice'],
    [{ PARLEY_MAX_PROCESSING: '9' }, 'PARLEY_MAX_PROCESSING=9 must be at least PARLEY_PARTITIONS=10'],
    [{ PARLEY_PROVIDER_FIRST_PIECE_TIMEOUT_MS: '300001' }, 'must not be over PARLEY_PROVIDER_TOTAL_TIMEOUT_MS'],
    [{ PARLEY_PROVIDER_PIECE_TIMEOUT_MS: '300001' }, 'must not be over PARLEY_PROVIDER_TOTAL_TIMEOUT_MS'],
    [{ PARLEY_HTTP_LISTEN: '127.0.0.1:50051' }, 'must differ'],
    [{ PARLEY_PROVIDER: 'openai', PARLEY_OPENAI_MODEL: 'm' }, 'PARLEY_PROVIDER=openai needs PARLEY_OPENAI_BASE_URL'],
    [{ PARLEY_PROVIDER: 'openai', PARLEY_OPENAI_BASE_URL: 'http://h' }, 'needs PARLEY_OPENAI_MODEL'],
    [{ ...engines, PARLEY_KAFKA_BROKERS: '' }, 'PARLEY_PROFILE=distributed needs PARLEY_KAFKA_BROKERS'],
    [{ ...engines, PARLEY_MONGODB_URI: '' }, 'PARLEY_PROFILE=distributed needs PARLEY_MONGODB_URI'],
    [{ ...engines, PARLEY_NATS_SERVERS: '' }, 'PARLEY_PROFILE=distributed needs PARLEY_NATS_SERVERS'],
    [{ ...engines, PARLEY_KAFKA_SASL: 'plain' }, 'needs PARLEY_KAFKA_USERNAME and PARLEY_KAFKA_PASSWORD'],
    [{ ...engines, PARLEY_S3_ACCESS_KEY_ID: 'k' }, 'PARLEY_S3_ACCESS_KEY_ID and PARLEY_S3_SECRET_ACCESS_KEY'],
    [{ PARLEY_AUTH: 'oidc', PARLEY_OIDC_AUDIENCE: 'a' }, 'PARLEY_AUTH=oidc needs PARLEY_OIDC_ISSUER'],
    [{ PARLEY_AUTH: 'oidc', PARLEY_OIDC_ISSUER: 'https://i' }, 'PARLEY_AUTH=oidc needs PARLEY_OIDC_AUDIENCE'],
    [{ PARLEY_OIDC_ISSUER: 'https://i' }, 'PARLEY_OIDC_ISSUER needs PARLEY_AUTH=oidc'],
    [{ PARLEY_OIDC_WEB_CLIENT_ID: 'web' }, 'PARLEY_OIDC_WEB_CLIENT_ID needs PARLEY_AUTH=oidc'],
    [{ PARLEY_TLS_CERT_FILE: 'c.pem' }, 'PARLEY_TLS_CERT_FILE needs PARLEY_TLS_KEY_FILE'],
    [{ PARLEY_TLS_KEY_FILE: 'k.pem' }, 'PARLEY_TLS_KEY_FILE needs PARLEY_TLS_CERT_FILE'],
    [{ PARLEY_TLS_CLIENT_CA_FILE: 'a.pem' }, 'PARLEY_TLS_CLIENT_CA_FILE needs PARLEY_TLS_CERT_FILE'],
    [{ PARLEY_MAX_MEDIA_BYTES: '1000' }, 'PARLEY_MAX_INLINE_BYTES=1048576 must not be over'],
    [{ PARLEY_PROVIDER_MEDIA_TIMEOUT_MS: '300001' }, 'must not be over PARLEY_PROVIDER_TOTAL_TIMEOUT_MS'],
    [{ PARLEY_ROLES: 'worker' }, 'one process does all'],
    [{ PARLEY_KAFKA_BROKERS: 'k:9092' }, 'PARLEY_KAFKA_BROKERS needs PARLEY_PROFILE=distributed'],
    [{ PARLEY_ACCOUNTS_MONGODB_URI: 'mongodb://m/' }, 'PARLEY_ACCOUNTS_MONGODB_URI needs PARLEY_PROFILE=distributed'],
  ])('%j is refused', (env, sentence) => {
    const problems = problemsOf(env);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(sentence);
  });

  test.each(['0.0.0.0:50051', '[::]:50051', '192.168.1.7:50051', 'example.org:50051', '127.0.0.1.example.org:50051'])(
    'without authentication, listening on %s needs PARLEY_ALLOW_INSECURE',
    (address) => {
      expect(problemsOf({ PARLEY_GRPC_LISTEN: address })[0]).toContain('PARLEY_ALLOW_INSECURE=true');
      expect(problemsOf({ PARLEY_GRPC_LISTEN: address, PARLEY_ALLOW_INSECURE: 'true' })).toEqual([]);
    },
  );

  describe('where clients show passwords or tokens, a port that other machines reach needs TLS', () => {
    const issuer = { PARLEY_OIDC_ISSUER: 'https://id.example.org', PARLEY_OIDC_AUDIENCE: 'api' };
    const ways = [{ PARLEY_AUTH: 'accounts' }, { PARLEY_AUTH: 'oidc', ...issuer }];
    const cases = ways.flatMap((auth) =>
      ['PARLEY_GRPC_LISTEN', 'PARLEY_HTTP_LISTEN'].map((port) => [auth.PARLEY_AUTH, port, auth] as const),
    );

    test.each(cases)('with %s, %s', (_, port, auth) => {
      const open = { ...auth, [port]: '0.0.0.0:4711' };
      expect(problemsOf(open)).toEqual([
        expect.stringMatching(`^${port}=0.0.0.0:4711 .*PARLEY_TLS_CERT_FILE and PARLEY_TLS_KEY_FILE, or .*=proxy`),
      ]);
      const accepted = [
        { PARLEY_TLS_CERT_FILE: 'cert.pem', PARLEY_TLS_KEY_FILE: 'key.pem' },
        { PARLEY_TLS_TERMINATION: 'proxy' },
        { PARLEY_ALLOW_INSECURE: 'true' },
        { [port]: '127.0.0.1:4711' },
      ];
      for (const settings of accepted) expect(problemsOf({ ...open, ...settings })).toEqual([]);
    });

    test('that proxies are trusted to say where calls come from does not say that they end TLS', () => {
      const open = { PARLEY_AUTH: 'accounts', PARLEY_GRPC_LISTEN: '0.0.0.0:4711' };
      expect(problemsOf({ ...open, PARLEY_TRUSTED_PROXIES: '10.0.3.7' })).toHaveLength(1);
    });

    test('a proxy that ends TLS proves nothing of who calls', () => {
      const open = { PARLEY_GRPC_LISTEN: '0.0.0.0:4711', PARLEY_TLS_TERMINATION: 'proxy' };
      expect(problemsOf(open)).toEqual([expect.stringContaining('PARLEY_AUTH=none')]);
    });

    test('a process that takes no clients is sent none', () => {
      const worker = { ...engines, PARLEY_ROLES: 'worker', PARLEY_AUTH: 'accounts' };
      expect(problemsOf({ ...worker, PARLEY_HTTP_LISTEN: '0.0.0.0:4711' })).toEqual([]);
    });
  });

  test.each(['localhost:1', '127.0.0.1:1', '127.8.8.8:1', '[::1]:1', '127.0.0.1:0'])('%s is loopback', (address) => {
    expect(problemsOf({ PARLEY_GRPC_LISTEN: address })).toEqual([]);
  });

  test('the budget of a partition is rounded down, so that the whole is never exceeded', () => {
    expect(loadConfig({ PARLEY_MAX_PROCESSING: '19' }).limits.maxProcessingPerPartition).toBe(1);
  });
});

describe('the openai provider', () => {
  const env = { PARLEY_PROVIDER: 'openai', PARLEY_OPENAI_BASE_URL: 'http://127.0.0.1:1/v1/', PARLEY_OPENAI_MODEL: 'm' };

  test('needs no key, and loses the slash at the end of its URL', () => {
    expect(loadConfig(env).provider).toMatchObject({
      kind: 'openai',
      baseUrl: 'http://127.0.0.1:1/v1',
      apiKey: '',
      model: 'm',
    });
  });

  test('its key is not described', () => {
    const described = describeConfig(loadConfig({ ...env, PARLEY_OPENAI_API_KEY: 'sk-hidden' }));
    expect(described).toContain('provider.apiKey = (secret)');
    expect(described).not.toContain('hidden');
    expect(describeConfig(loadConfig(env))).toContain('provider.apiKey = (none)');
  });
});

test('no setting that is secret is described', () => {
  const secrets = {
    PARLEY_MONGODB_URI: 'mongodb://user:hidden@m/',
    PARLEY_ACCOUNTS_MONGODB_URI: 'mongodb://user:hidden@a/',
    PARLEY_NATS_SERVERS: 'nats://hidden@n:4222',
    PARLEY_KAFKA_PASSWORD: 'hidden',
    PARLEY_S3_SECRET_ACCESS_KEY: 'hidden',
    PARLEY_OPENAI_API_KEY: 'hidden',
  };
  const named = Object.entries(settings).filter(([, setting]) => 'secret' in setting);
  expect(named.map(([name]) => name).toSorted()).toEqual(Object.keys(secrets).toSorted());
  const others = { PARLEY_KAFKA_SASL: 'plain', PARLEY_KAFKA_USERNAME: 'u', PARLEY_S3_ACCESS_KEY_ID: 'k' };
  const provider = { PARLEY_PROVIDER: 'openai', PARLEY_OPENAI_BASE_URL: 'http://h', PARLEY_OPENAI_MODEL: 'm' };
  const described = describeConfig(loadConfig({ ...engines, ...others, ...provider, ...secrets }));
  expect(described).toContain('distributed.kafka.sasl.password = (secret)');
  expect(described).not.toContain('hidden');
});

describe('the .env file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-config-'));
  afterEach(() => {
    delete process.env['PARLEY_MAX_CLIENTS'];
    rmSync(folder, { recursive: true, force: true });
  });

  test('is read, and the environment wins over it, and what the command line says over both', () => {
    writeFileSync(join(folder, '.env'), '# a comment\nPARLEY_MAX_CLIENTS=7\nPARLEY_PREFIX="mine"\n');
    process.env['PARLEY_MAX_CLIENTS'] = '8';
    const config = loadEnvironment(folder);
    expect(config.limits.maxClients).toBe(8);
    expect(config.prefix).toBe('mine');
    expect(loadEnvironment(folder, { PARLEY_MAX_CLIENTS: '9' }).limits.maxClients).toBe(9);
  });

  test('need not be there', () => {
    expect(loadEnvironment(join(folder, 'nowhere')).prefix).toBe('parley');
  });
});

describe('the table', () => {
  test.each(Object.entries<Setting<unknown>>(settings))(
    '%s has a default of its own type, and its unit in its name',
    (name, setting) => {
      if (setting.default !== '') expect(setting.type.parse(setting.default)).toBeDefined();
      expect(name.endsWith('_MS')).toBe(setting.type.expected.startsWith('milliseconds'));
      expect(setting.description).toMatch(/[.]$/);
    },
  );
});

describe('connections', () => {
  const open = { PARLEY_GRPC_LISTEN: '0.0.0.0:50051', PARLEY_ALLOW_INSECURE: 'true' };

  test('suffice for every client, in line as well, and one address has a share of them', () => {
    const clients = { PARLEY_MAX_CLIENTS: '10000', PARLEY_MAX_WAITING_CLIENTS: '0' };
    expect(loadConfig({ ...open, ...clients }).connections).toMatchObject({ max: 21_000, maxPerAddress: 1_000 });
  });

  test('are all for one address where only this machine can connect', () => {
    expect(loadConfig({}).connections).toMatchObject({ max: 3_100, maxPerAddress: 3_100 });
  });

  test('are as many as are given', () => {
    const given = { PARLEY_MAX_CONNECTIONS: '200', PARLEY_MAX_CONNECTIONS_PER_ADDRESS: '20' };
    expect(loadConfig(given).connections).toMatchObject({ max: 200, maxPerAddress: 20 });
    expect(loadConfig({ ...open, PARLEY_MAX_CONNECTIONS: '200' }).connections).toMatchObject({ maxPerAddress: 200 });
  });
});

describe('sessions of one address', () => {
  const open = { PARLEY_GRPC_LISTEN: '0.0.0.0:50051', PARLEY_ALLOW_INSECURE: 'true' };

  test.each([
    ['50', 10],
    ['3', 1],
    ['10000', 2_000],
  ])('of %s slots are a fifth, and one at least: %d', (maxClients, maxSessionsPerAddress) => {
    expect(loadConfig({ ...open, PARLEY_MAX_CLIENTS: maxClients }).limits).toMatchObject({ maxSessionsPerAddress });
  });

  test('have no limit where only this machine can connect, unless one is given', () => {
    expect(loadConfig({}).limits.maxSessionsPerAddress).toBe(Number.MAX_SAFE_INTEGER);
    expect(loadConfig({ PARLEY_MAX_SESSIONS_PER_ADDRESS: '7' }).limits.maxSessionsPerAddress).toBe(7);
  });

  test('are not those of a proxy that nobody named, unless a limit is given or proxies are named', () => {
    expect(loadConfig(open).allowUnnamedProxies).toBe(true);
    for (const given of [{ PARLEY_MAX_SESSIONS_PER_ADDRESS: '7' }, { PARLEY_TRUSTED_PROXIES: '10.0.0.7' }])
      expect(loadConfig({ ...open, ...given }).allowUnnamedProxies).toBe(false);
  });
});

test.each<[Record<string, string>, boolean]>([
  [{}, true],
  [{ PARLEY_AUTH: 'accounts' }, true],
  [{ PARLEY_GRPC_LISTEN: '0.0.0.0:1', PARLEY_ALLOW_INSECURE: 'true' }, true],
  [{ PARLEY_GRPC_LISTEN: '0.0.0.0:1', PARLEY_AUTH: 'accounts', PARLEY_TLS_TERMINATION: 'proxy' }, false],
  [{ PARLEY_HTTP_LISTEN: '0.0.0.0:1', PARLEY_AUTH: 'accounts', PARLEY_TLS_TERMINATION: 'proxy' }, false],
  [
    {
      PARLEY_GRPC_LISTEN: '0.0.0.0:1',
      PARLEY_AUTH: 'accounts',
      PARLEY_TLS_TERMINATION: 'proxy',
      PARLEY_REFLECTION: 'on',
    },
    true,
  ],
  [{ PARLEY_REFLECTION: 'off' }, false],
])('the contract is shown to whoever may call without a token, and to this machine: %j', (env, reflection) => {
  expect(loadConfig(env).reflection).toBe(reflection);
});
