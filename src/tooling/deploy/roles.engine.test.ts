import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { MongoClient } from 'mongodb';
import type { Role } from '../../config/setting.ts';
import { textOf } from '../../testing/black-box-client.ts';
import { type Engines, startEngines } from '../../testing/cluster.ts';
import { call, clientOf, hangUp } from '../../testing/contract.ts';
import { type ParleyServer, runParley, startServer } from '../../testing/server.ts';
import { TestSessions } from '../../testing/test-sessions.ts';
import { type Compose, environmentOf, readCompose } from './testing/compose.ts';
import { podEnvironment } from './testing/kubernetes.ts';

// Each role has the secrets of its manifest and no others, and the three of them answer: who lacked one that it needs would not.
const deploy = fileURLToPath(new URL('../../../deploy/', import.meta.url));
const read = (path: string) => readFileSync(`${deploy}${path}`, 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'parley-roles-'));
const credentials = { userName: 'alice', password: 'what a long password' };
const passwordFile = join(folder, 'password');
let engines: Engines;

beforeAll(async () => {
  writeFileSync(passwordFile, `${credentials.password}\n`);
  engines = await startEngines();
});
afterAll(async () => {
  await engines?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

type Environment = Readonly<Record<string, string | undefined>>;

const variables = { S3_ACCESS_KEY_ID: 'xxx', S3_SECRET_ACCESS_KEY: 'xxxxxxxx', GRAFANA_ADMIN_PASSWORD: 'x' };
const { services }: Compose = readCompose(read('compose.yaml'), variables);
const deployments: [string, Record<Role, Environment>][] = [
  [
    'compose',
    {
      gateway: environmentOf(services['gateway-1'] ?? {}, read),
      worker: environmentOf(services['worker'] ?? {}, read),
      projector: environmentOf(services['projector'] ?? {}, read),
    },
  ],
  [
    'kubernetes',
    { gateway: podEnvironment('gateway'), worker: podEnvironment('worker'), projector: podEnvironment('projector') },
  ],
];

/** The environment with the places of this machine. What it does not name, it does not get. */
function here(environment: Environment, prefix: string): Record<string, string> {
  const places: Environment = {
    ...engines.env,
    PARLEY_MONGODB_URI: `${engines.mongo.uri}/${prefix}`,
    PARLEY_ACCOUNTS_MONGODB_URI: `${engines.mongo.uri}/${prefix}-accounts`,
    PARLEY_GRPC_LISTEN: '127.0.0.1:0',
    PARLEY_HTTP_LISTEN: '127.0.0.1:0',
  };
  const moved = Object.entries(environment).map(([name, value]) => [name, places[name] ?? value ?? '']);
  const { PARLEY_S3_ENDPOINT: endpoint = '' } = engines.env;
  return { ...Object.fromEntries(moved), PARLEY_PREFIX: prefix, PARLEY_S3_ENDPOINT: endpoint };
}

/** The collections of each of these databases. */
async function collectionsIn(...databases: readonly string[]): Promise<readonly (readonly string[])[]> {
  const client = new MongoClient(engines.mongo.uri);
  try {
    return await Promise.all(
      databases.map(async (name) => (await client.db(name).listCollections().toArray()).map((found) => found.name)),
    );
  } finally {
    await client.close();
  }
}

async function signIn({ address }: ParleyServer): Promise<{ clientId: string; accessToken: string }> {
  const client = clientOf('chat.v1.AccountService', address);
  try {
    return (await call(client, 'SignIn', credentials))['tokens'];
  } finally {
    hangUp(client);
  }
}

test.each(deployments)('gateway, worker and projector of %s do their work with their own secrets', async (name, by) => {
  const environment = (role: Role) => here(by[role], name);
  expect(
    await runParley(['user', 'add', 'alice', '--password-file', passwordFile], environment('gateway')),
  ).toMatchObject({ code: 0 });
  await using projector = await startServer({ env: environment('projector') });
  await using worker = await startServer({ env: environment('worker') });
  await using gateway = await startServer({ env: environment('gateway') });
  await using testSessions = new TestSessions(gateway, 'bidi');
  const { clientId, accessToken } = await signIn(gateway);
  const session = testSessions.dial({ clientId }, accessToken);
  await session.welcome();
  expect(textOf((await session.ask('Who can read my password?')).reply)).not.toBe('');
  await session.goodbye();
  const [ofAll = [], ofGateways = []] = await collectionsIn(name, `${name}-accounts`);
  expect(ofAll.filter((collection) => /account|sign_in|security/.test(collection))).toEqual([]);
  const own = ['account_store', 'accounts', 'failed_sign_ins', 'security_events'];
  expect(ofGateways.toSorted()).toEqual(own.map((collection) => `${name}_${collection}`));
  for (const server of [gateway, worker, projector])
    expect(await server.stop('SIGTERM')).toEqual({ code: 0, signal: null });
});
