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
