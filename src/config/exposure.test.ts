import { describe, expect, test } from '@jest/globals';
import { describeExposure } from './exposure.ts';
import { loadConfig } from './load-config.ts';

const told = (env: Record<string, string> = {}) => describeExposure(loadConfig(env));
const warnings = (env: Record<string, string>) =>
  told(env)
    .split('\n')
    .filter((line) => line.startsWith('warning: '));
const open = {
  PARLEY_GRPC_LISTEN: '0.0.0.0:50051',
  PARLEY_HTTP_LISTEN: '[::]:8080',
  PARLEY_AUTH: 'accounts',
  PARLEY_TLS_TERMINATION: 'proxy',
};

const engines = {
  PARLEY_PROFILE: 'distributed',
  PARLEY_KAFKA_BROKERS: 'kafka:9092',
  PARLEY_MONGODB_URI: 'mongodb://a:hidden@mongodb/parley',
  PARLEY_NATS_SERVERS: 'nats://nats:4222',
};

describe('what a configuration exposes', () => {
  test('is nothing to other machines by default', () => {
    expect(told()).toBe(`gRPC       127.0.0.1:50051, reached from this machine alone
HTTP       127.0.0.1:8080, reached from this machine alone
clients    not authenticated: each names itself
sign-up    not available
TLS        none
contract   shown by reflection and /docs
web pages  its own
proxies    none trusted
model      simulated, in this process
`);
  });

  // Cause: whoever had mistyped the model's address found it nowhere but in what he had typed.
  test('names the model and where it is, without credentials, in a process that calls it', () => {
    const model = {
      PARLEY_PROVIDER: 'openai',
      PARLEY_OPENAI_BASE_URL: 'https://models.example.org/v1',
      PARLEY_OPENAI_MODEL: 'llama3',
      PARLEY_OPENAI_API_KEY: 'hidden',
    };
    expect(told(model)).toContain('model      llama3 at https://models.example.org/v1\n');
    expect(told(model)).not.toContain('hidden');
    expect(told({ ...model, ...engines, PARLEY_ROLES: 'gateway' })).not.toContain('llama3');
  });

  test('is told of every setting that opens something', () => {
    const text = told({
      ...open,
      PARLEY_TLS_CERT_FILE: 'cert.pem',
      PARLEY_TLS_KEY_FILE: 'key.pem',
      PARLEY_TLS_CLIENT_CA_FILE: 'ca.pem',
      PARLEY_WEB_ORIGINS: 'https://chat.example.org',
      PARLEY_TRUSTED_PROXIES: '10.0.3.0/28,10.0.4.7',
      PARLEY_TRUSTED_HOPS: '2',
    });
    expect(text).toContain('0.0.0.0:50051, reached from other machines\n');
    expect(text).toContain('sign in with accounts');
    expect(text).toContain('open to anybody, 20 accounts an hour');
    expect(text).toContain('by cert.pem; gRPC clients show a certificate of ca.pem');
    expect(text).toContain('contract   not shown');
    expect(text).toContain('its own, https://chat.example.org');
    expect(text).toContain('10.0.3.0/28, 10.0.4.7: at most the last 2 addresses of x-forwarded-for');
    const issuer = { PARLEY_AUTH: 'oidc', PARLEY_OIDC_ISSUER: 'https://id.example.org', PARLEY_OIDC_AUDIENCE: 'api' };
    expect(told(issuer)).toContain('show tokens of https://id.example.org for api');
  });

  test('says which ports other machines reach in plain text, and where TLS ends', () => {
    const text = told({ ...open, PARLEY_HTTP_LISTEN: '127.0.0.1:8080' });
    expect(text).toContain('gRPC       0.0.0.0:50051, reached from other machines in plain text\n');
    expect(text).toContain('HTTP       127.0.0.1:8080, reached from this machine alone\n');
    expect(text).toContain('TLS        ends at a proxy');
  });

  test.each([
    [{}, 'in plain text: Kafka, MongoDB, NATS'],
    [{ PARLEY_KAFKA_TLS: 'true', PARLEY_NATS_SERVERS: 'tls://nats:4222' }, 'in plain text: MongoDB'],
    [{ PARLEY_MONGODB_URI: 'mongodb://a:hidden@m1,m2/parley?replicaSet=a&tls=true' }, 'in plain text: Kafka, NATS'],
    [
      { PARLEY_MONGODB_URI: 'mongodb+srv://a:hidden@m/parley', PARLEY_S3_ENDPOINT: 'http://s3:7070' },
      'in plain text: Kafka, NATS, S3',
    ],
    [
      {
        PARLEY_KAFKA_BROKERS: '[::1]:9092,127.0.0.1:9093',
        PARLEY_MONGODB_URI: 'mongodb://localhost',
        PARLEY_NATS_SERVERS: 'nats://a:hidden@localhost:4222',
      },
      'by TLS, or on this machine',
    ],
  ])('tells which engines are spoken to in plain text: %j', (env, line) => {
    expect(told({ ...engines, ...env } as Record<string, string>)).toContain(`engines    ${line}\n`);
  });

  test('of a process that takes no clients is its HTTP port', () => {
    const worker = { ...open, ...engines, PARLEY_ROLES: 'worker' };
    expect(told(worker)).not.toContain('gRPC ');
    expect(told(worker)).not.toContain('hidden');
    expect(warnings(worker)).toEqual([expect.stringContaining('/metrics')]);
  });
});

describe('a warning is given', () => {
  const closed = {
    ...open,
    PARLEY_SIGN_UP: 'closed',
    PARLEY_TLS_CERT_FILE: 'cert.pem',
    PARLEY_TLS_KEY_FILE: 'key.pem',
    PARLEY_HTTP_LISTEN: '127.0.0.1:8080',
  };

  test.each<[string, Record<string, string>]>([
    [
      'PARLEY_ALLOW_INSECURE: other machines',
      { PARLEY_AUTH: 'none', PARLEY_ALLOW_INSECURE: 'true', PARLEY_REFLECTION: 'off' },
    ],
    [
      'without TLS',
      {
        PARLEY_TLS_CERT_FILE: '',
        PARLEY_TLS_KEY_FILE: '',
        PARLEY_TLS_TERMINATION: 'server',
        PARLEY_ALLOW_INSECURE: 'true',
      },
    ],
    ['PARLEY_SIGN_UP=open', { PARLEY_SIGN_UP: 'open' }],
    ['PARLEY_REFLECTION', { PARLEY_REFLECTION: 'on' }],
    ['/metrics', { PARLEY_HTTP_LISTEN: '0.0.0.0:8080' }],
    ['10.0.0.0/8 is wide', { PARLEY_TRUSTED_PROXIES: '10.0.0.0/8,10.0.0.0/16' }],
    ['fd00::/8 is wide', { PARLEY_TRUSTED_PROXIES: 'fd00::/8,fd00::/48' }],
  ])('%s', (warning, env) => {
    expect(warnings(closed)).toEqual([]);
    expect(warnings({ ...closed, ...env })).toEqual([expect.stringContaining(`warning: ${warning}`)]);
  });

  test('for each secret that no role of the process uses, whatever it listens on', () => {
    const secrets = {
      PARLEY_OPENAI_API_KEY: 'hidden',
      PARLEY_ACCOUNTS_MONGODB_URI: 'mongodb://b:hidden@mongodb/accounts',
    };
    const unused = (roles: string) =>
      warnings({ ...engines, ...secrets, PARLEY_ROLES: roles }).map((warning) => /PARLEY_\w+/.exec(warning)?.[0]);
    expect(unused('gateway')).toEqual(['PARLEY_OPENAI_API_KEY']);
    expect(unused('worker')).toEqual(['PARLEY_ACCOUNTS_MONGODB_URI']);
    expect(unused('projector')).toEqual([
      'PARLEY_OPENAI_API_KEY',
      'PARLEY_ACCOUNTS_MONGODB_URI',
      'PARLEY_NATS_SERVERS',
    ]);
    expect(unused('gateway,worker')).toEqual([]);
    expect(told({ ...engines, ...secrets, PARLEY_ROLES: 'projector' })).not.toContain('hidden');
  });

  test('for accounts that are in the database of all roles', () => {
    const gateway = { ...engines, PARLEY_AUTH: 'accounts', PARLEY_ROLES: 'gateway' };
    expect(warnings(gateway)).toEqual([expect.stringContaining('without PARLEY_ACCOUNTS_MONGODB_URI')]);
    expect(warnings({ ...gateway, PARLEY_ACCOUNTS_MONGODB_URI: 'mongodb://mongodb/accounts' })).toEqual([]);
    expect(warnings({ ...gateway, PARLEY_AUTH: 'none' })).toEqual([]);
  });

  test('for a key of the model that is sent in plain text, but not on this machine', () => {
    const model = { PARLEY_PROVIDER: 'openai', PARLEY_OPENAI_MODEL: 'm', PARLEY_OPENAI_API_KEY: 'hidden' };
    const at = (url: string) => warnings({ ...model, PARLEY_OPENAI_BASE_URL: url });
    expect(at('http://models.example.org/v1')).toEqual([expect.stringContaining('PARLEY_OPENAI_BASE_URL')]);
    for (const url of ['https://models.example.org/v1', 'http://127.0.0.1:11434/v1']) expect(at(url)).toEqual([]);
  });

  test('not for plain text that a proxy protects', () => {
    expect(warnings({ ...closed, PARLEY_TLS_CERT_FILE: '', PARLEY_TLS_KEY_FILE: '' })).toEqual([]);
  });

  test('for nothing that only this machine reaches', () => {
    expect(warnings({ PARLEY_AUTH: 'accounts' })).toEqual([]);
  });
});
