import { expect, test } from '@jest/globals';
import { loadConfig } from '../config/load-config.ts';
import { openAuthentication } from './authentication.ts';
import type { Backends } from './backends.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const unrecorded = { record: async () => undefined };
const opened = new Error('the accounts were opened');
// What openAuthentication sees of the backends.
const backends = { openAccounts: () => Promise.reject(opened) } as unknown as Backends;
const configOf = (role: string) =>
  loadConfig({
    PARLEY_PROFILE: 'distributed',
    PARLEY_KAFKA_BROKERS: 'kafka:9092',
    PARLEY_MONGODB_URI: 'mongodb://mongodb/parley',
    PARLEY_NATS_SERVERS: 'nats://nats:4222',
    PARLEY_AUTH: 'accounts',
    PARLEY_ROLES: role,
  });

test.each(['worker', 'projector'])('a %s opens neither accounts nor the keys that sign tokens', async (role) => {
  await using authentication = await openAuthentication(configOf(role), backends, silent, unrecorded);
  expect(authentication).toMatchObject({ accounts: undefined, authenticator: undefined });
});

test('a gateway opens them', async () => {
  await expect(openAuthentication(configOf('gateway'), backends, silent, unrecorded)).rejects.toBe(opened);
});
