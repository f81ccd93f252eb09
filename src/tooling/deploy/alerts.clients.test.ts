import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { openSqliteLog } from '../../adapters/sqlite/event-log/sqlite-log.ts';
import { CertificateFolder, newAuthority, newCertificate } from '../../testing/certificates.ts';
import { call, clientOf, hangUp } from '../../testing/contract.ts';
import { startEnvoy } from '../../testing/engines/envoy.ts';
import { freePort } from '../../testing/engines/free-port.ts';
import { scraped } from '../../testing/scraped.ts';
import { type ParleyServer, startServer } from '../../testing/server.ts';
import { eventually, TestSessions } from '../../testing/test-sessions.ts';
import { alertsOf, type Fault, type Samples } from './testing/alerts.ts';
import { exposedIn } from './testing/exposition.ts';
import { toolsFolder } from './testing/tools.ts';
import { alertUses, dashboardUses, gapsOf } from './testing/uses.ts';

/*
 * Each test causes a fault, and gives what a real process exposed before and after it to the rules. Which rules wait for how long, and what their
 * words are, deploy/prometheus/rules.test.yaml has.
 */

const tools = toolsFolder(process.env['PARLEY_TEST_TOOLS']);
const roles = ['gateway', 'worker', 'projector'];
/** Scraping says that each role answers. */
const up = Object.fromEntries(roles.map((role) => [`up{role="${role}"}`, 1]));
const labels = 'job="parley",instance="a"';
const dayMs = 24 * 3_600_000;

const exposedBy = async ({ httpAddress }: { readonly httpAddress: string }): Promise<Samples> => ({
  ...up,
  ...(await scraped(httpAddress)),
});

/** The server before the fault, and as soon as it is as it should be after it. */
async function faultOf(
  server: { readonly httpAddress: string },
  cause: () => Promise<unknown>,
  isCaused: (after: Samples, before: Samples) => boolean = () => true,
): Promise<Fault> {
  const before = await exposedBy(server);
  const begunMs = performance.now();
  await cause();
  const after = await eventually(
    () => exposedBy(server),
    (now) => isCaused(now, before),
  );
  return { labels, before, after, seconds: (performance.now() - begunMs) / 1_000 };
}

const alerts = (...faults: Fault[]) => alertsOf(tools, faults);
const nothing = async () => undefined;
const refused = (answer: Promise<unknown>) => expect(answer).rejects.toThrow();

describe('Prometheus raises', () => {
  test('nothing while all is well', async () => {
    await using server = await startServer();
    await using testSessions = new TestSessions(server, 'bidi');
    const talk = async () => (await testSessions.connect()).session.ask('Hello');
    expect(await alerts(await faultOf(server, talk))).toEqual([]);
  });

  test('ParleyModelFails and ParleyMessagesGivenUp where nobody serves the model', async () => {
    const url = `http://127.0.0.1:${await freePort()}/v1`;
    const model = { PARLEY_OPENAI_BASE_URL: url, PARLEY_OPENAI_MODEL: 'none', PARLEY_MAX_ATTEMPTS: '1' };
    await using server = await startServer({ env: { PARLEY_PROVIDER: 'openai', ...model } });
    await using testSessions = new TestSessions(server, 'bidi');
    const ask = async () => {
      const { session } = await testSessions.connect();
      await session.text('Is anybody there?');
      await session.find('rejected', ({ reason }) => reason === 'PROVIDER_FAILED');
    };
    const fault = await faultOf(server, ask);
    expect(await alerts(fault)).toEqual(['ParleyMessagesGivenUp', 'ParleyModelFails']);
  });

  test('ParleyCallsFail where the issuer of tokens is away', async () => {
    const issuer = `http://127.0.0.1:${await freePort()}`;
    const env = { PARLEY_AUTH: 'oidc', PARLEY_OIDC_ISSUER: issuer, PARLEY_OIDC_AUDIENCE: 'parley' };
    await using server = await startServer({ env });
    const { Metadata } = await import('@grpc/grpc-js');
    const metadata = new Metadata();
    const part = (content: object) => Buffer.from(JSON.stringify(content)).toString('base64url');
    metadata.set('authorization', `Bearer ${part({ alg: 'RS256', kid: 'a' })}.${part({ iss: issuer })}.c2ln`);
    const history = clientOf('chat.v1.HistoryService', server.address);
    const list = () => refused(call(history, 'ListConversations', {}, undefined, metadata));
    const fault = await faultOf(server, list, (now) => isAbove(now, 'parley_call_seconds_count', 0));
    hangUp(history);
    expect(await alerts(fault)).toEqual(['ParleyCallsFail']);
  });

  test('ParleySignInsFail and ParleyRateLimited while somebody guesses passwords', async () => {
    await using server = await startServer({ env: { PARLEY_AUTH: 'accounts' } });
    const accounts = clientOf('chat.v1.AccountService', server.address);
    const guess = () => refused(call(accounts, 'SignIn', { userName: 'ann', password: 'wrong password' }));
    const guesses = async () => {
      for (let count = 0; count < 15; count += 1) await guess();
    };
    const fault = await faultOf(server, guesses);
    hangUp(accounts);
    expect(await alerts(fault)).toEqual(['ParleyRateLimited', 'ParleySignInsFail']);
  });

  test('ParleyClientsNearCap where nearly every slot is taken', async () => {
    await using server = await startServer({ env: { PARLEY_MAX_CLIENTS: '2' } });
    await using testSessions = new TestSessions(server, 'bidi');
    const fill = () => Promise.all([testSessions.connect(), testSessions.connect()]);
    const fault = await faultOf(server, fill, (now) => isAbove(now, 'parley_cap_in_use{cap="clients"}', 1));
    expect(await alerts(fault)).toEqual(['ParleyClientsNearCap']);
  });

  test('ParleyProcessingAtCap where the model has all that may be in processing', async () => {
    const env = { PARLEY_MAX_PROCESSING: '10', PARLEY_SIMULATED_TEXT_DELAY_MS: '60000' };
    await using server = await startServer({ env });
    await using testSessions = new TestSessions(server, 'bidi');
    // A conversation is in one of ten partitions, with one message in processing each.
    const ask = async () => {
      for (let count = 0; count < 48; count += 1) await (await testSessions.connect()).session.text('Hello');
    };
    const full = (now: Samples) => isAbove(now, 'parley_cap_in_use{cap="processing"}', 9);
    expect(await alerts(await faultOf(server, ask, full))).toContain('ParleyProcessingAtCap');
  });

  test('ParleyRecordParked for a record that nobody can decode', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'parley-alerts-'));
    try {
      const topics = { 'parley.conversations': 10, 'parley.connections': 1 };
      const headers = { ce_type: 'chat_events.v1.MessageReceived' };
      const server = await startServer({ dataDir });
      const before = await exposedBy(server);
      await server.stop('SIGTERM');
      {
        await using log = await openSqliteLog({ mode: 'write', dataDir, topics });
        const garbage = {
          topic: 'parley.conversations',
          partition: 0,
          key: 'c',
          headers,
          value: Buffer.alloc(3, 0xff),
        };
        await log.append([garbage]);
      }
      await using again = await server.restart();
      const fault = await faultOf(again, nothing, (now) => isAbove(now, 'parley_parked_records_total', 0));
      expect(await alerts({ ...fault, before })).toEqual(['ParleyRecordParked']);
    } finally {
      await rm(dataDir, { recursive: true });
    }
  });

  test('ParleyDiskNearlyFull where the disk has little more than is kept for the log', async () => {
    const { bavail, bsize } = await statfs(tmpdir());
    await using server = await startServer({
      env: { PARLEY_MIN_FREE_DISK_BYTES: String(Math.floor((bavail * bsize) / 1.5)) },
    });
    expect(await alerts(await faultOf(server, nothing))).toEqual(['ParleyDiskNearlyFull']);
  });

  test('ParleyCertificateExpires of a gateway that speaks TLS, and of Envoy', async () => {
    const authority = await newAuthority('an authority');
    const certificate = await newCertificate(authority, 'soon', new Date(Date.now() + 10 * dayMs));
    await using files = await CertificateFolder.make();
    await using server = await startServer({
      env: {
        PARLEY_TLS_CERT_FILE: await files.write('cert.pem', certificate.cert),
        PARLEY_TLS_KEY_FILE: await files.write('key.pem', certificate.key),
      },
    });
    const own = { ...up, ...(await scraped(server.httpAddress, authority.cert)) };
    expect(await alerts({ labels, before: own, after: own, seconds: 1 })).toEqual(['ParleyCertificateExpires']);
    await using envoy = await startEnvoy({ gateways: [], certificate });
    const fault = await faultOf({ httpAddress: envoy.statistics }, nothing);
    expect(await alerts(withWorkers(fault))).toEqual(['ParleyCertificateExpires']);
  });
});

test.each([
  ['alerts', alertUses],
  ['dashboard', dashboardUses],
])('Envoy exposes all that the %s ask of it, and nothing else of its admin interface', async (_, uses) => {
  const certificate = await newCertificate(await newAuthority('an authority'), 'Envoy');
  await using envoy = await startEnvoy({ gateways: [], certificate });
  const at = (path: string) => fetch(`http://${envoy.statistics}${path}`);
  const exposed = exposedIn(await (await at('/metrics')).text());
  const asked = uses().filter(({ query }) => query.includes('envoy_'));
  expect(asked.length).toBeGreaterThan(0);
  expect(asked.flatMap((use) => gapsOf(use, exposed, 'Envoy'))).toEqual([]);
  for (const path of ['/', '/stats', '/config_dump', '/quitquitquit']) expect((await at(path)).status).toBe(404);
});

describe('by what Envoy exposes, Prometheus raises', () => {
  test('ParleyGatewaysUnhealthy and ParleyUpstreamFails when the gateway has died', async () => {
    await using server = await startServer();
    await using envoy = await startEnvoy({ gateways: [server] });
    await envoyTakes(envoy, 'OK');
    const kill = async () => {
      await server.stop('SIGKILL');
      for (let count = 0; count < 20; count += 1) await envoyTakes(envoy, 'not');
    };
    const unhealthy = 'envoy_cluster_membership_healthy{envoy_cluster_name="gateways"}';
    const fault = await faultOf({ httpAddress: envoy.statistics }, kill, (now) => now[unhealthy] === 0);
    expect(await alerts(withWorkers(fault))).toEqual(['ParleyGatewaysUnhealthy', 'ParleyUpstreamFails']);
  });

  test('ParleyAddressesLimited when an address asks more than it may', async () => {
    await using server = await startServer();
    await using envoy = await startEnvoy({ gateways: [server], values: { rateLimit: { perSecond: 1, burst: 5 } } });
    const ask = async () => {
      for (let count = 0; count < 40; count += 1) await fetch(`${envoy.origin}/`);
    };
    expect(await alerts(withWorkers(await faultOf({ httpAddress: envoy.statistics }, ask)))).toEqual([
      'ParleyAddressesLimited',
    ]);
  });
});

function isAbove(now: Samples, series: string, value: number): boolean {
  return Object.entries(now).some(([name, is]) => name.startsWith(series) && is > value);
}

/** Envoy tells nothing of partitions. */
function withWorkers(fault: Fault): Fault {
  const workers = { parley_worker_partitions: 10 };
  return { ...fault, before: { ...fault.before, ...workers }, after: { ...fault.after, ...workers } };
}

async function envoyTakes(envoy: Pick<ParleyServer, 'address'>, how: 'OK' | 'not'): Promise<void> {
  const operations = clientOf('chat.v1.OperationsService', envoy.address);
  const asked = call(operations, 'GetUsage', {});
  await (how === 'OK' ? asked : refused(asked));
  hangUp(operations);
}
