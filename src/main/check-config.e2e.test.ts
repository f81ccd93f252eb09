import { expect, test } from '@jest/globals';
import { runParley } from '../testing/server.ts';

const exposed = {
  PARLEY_GRPC_LISTEN: '0.0.0.0:50051',
  PARLEY_AUTH: 'accounts',
  PARLEY_TLS_TERMINATION: 'proxy',
  PARLEY_TRUSTED_PROXIES: '10.0.0.0/8',
};

test('parley check-config prints what the configuration exposes, and starts nothing', async () => {
  const { code, stdout, stderr } = await runParley(['check-config'], exposed);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('gRPC       0.0.0.0:50051, reached from other machines in plain text\n');
  expect(stdout).toContain('sign-up    open to anybody');
  expect(stdout).toContain('proxies    10.0.0.0/8: the last address of x-forwarded-for\n');
  expect(stdout).toContain('warning: 10.0.0.0/8 is wide');
});

test('it warns of secrets that the roles do not use, and shows none', async () => {
  const environment = {
    PARLEY_PROFILE: 'distributed',
    PARLEY_KAFKA_BROKERS: 'kafka:9092',
    PARLEY_MONGODB_URI: 'mongodb://parley:hidden@mongodb/parley',
    PARLEY_ACCOUNTS_MONGODB_URI: 'mongodb://parley:hidden@mongodb/accounts',
    PARLEY_NATS_SERVERS: 'nats://parley:hidden@nats:4222',
    PARLEY_OPENAI_API_KEY: 'hidden',
  };
  const { code, stdout } = await runParley(['check-config', '--roles', 'projector'], environment);
  expect(code).toBe(0);
  for (const name of ['PARLEY_ACCOUNTS_MONGODB_URI', 'PARLEY_NATS_SERVERS', 'PARLEY_OPENAI_API_KEY'])
    expect(stdout).toContain(`warning: ${name}: no role of this process (projector) uses this secret`);
  expect(stdout).not.toContain('warning: PARLEY_MONGODB_URI');
  expect(stdout).not.toContain('hidden');
});

test.each([
  ['a bad value', [], { PARLEY_TRUSTED_HOPS: 'many' }],
  ['what serve would not listen on', [], { PARLEY_GRPC_LISTEN: '0.0.0.0:50051' }],
  [
    'passwords in plain text beyond loopback',
    [],
    { PARLEY_GRPC_LISTEN: '0.0.0.0:50051', PARLEY_AUTH: 'accounts', PARLEY_TRUSTED_PROXIES: '10.0.3.7' },
  ],
  ['roles that the profile has not', ['--roles', 'gateway'], {}],
])('it ends with exit code 2 for %s, and says what serve says', async (_, args, env) => {
  const checked = await runParley(['check-config', ...args], env as Record<string, string>);
  const served = await runParley(['serve', ...args], env as Record<string, string>);
  expect(checked).toMatchObject({ code: 2, stdout: '' });
  expect(checked.stderr).not.toBe('');
  expect(served).toMatchObject({ code: 2, stderr: checked.stderr });
});
