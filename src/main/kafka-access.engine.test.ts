import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { textOf } from '../testing/black-box-client.ts';
import { CertificateFolder, newAuthority, newCertificate } from '../testing/certificates.ts';
import { type Engines, startEngines } from '../testing/cluster.ts';
import { freePort } from '../testing/engines/free-port.ts';
import { runParley, startServer } from '../testing/server.ts';
import { TestSessions } from '../testing/test-sessions.ts';

const username = 'parley';
const password = 'open sesame';
/** Kafka is waited for 10 s; the rest is for a busy machine. */
const toldWithinMs = 30_000;
const mechanisms = ['plain', 'scram-sha-512'];

let folder: CertificateFolder;
let engines: Engines;
/** How a process gets in, by PLAIN. */
let access: Readonly<Record<string, string>>;

beforeAll(async () => {
  folder = await CertificateFolder.make();
  const authority = await newAuthority('authority of the brokers');
  const certificate = await newCertificate(authority, 'broker');
  engines = await startEngines({ secured: { certificate, username, password } });
  access = {
    ...engines.env,
    PARLEY_GRPC_LISTEN: '127.0.0.1:0',
    PARLEY_HTTP_LISTEN: '127.0.0.1:0',
    PARLEY_KAFKA_BROKERS: engines.kafka.securedBrokers,
    PARLEY_KAFKA_TLS: 'true',
    PARLEY_KAFKA_SASL: 'plain',
    PARLEY_KAFKA_USERNAME: username,
    PARLEY_KAFKA_PASSWORD: password,
    NODE_EXTRA_CA_CERTS: await folder.write('authority.pem', authority.cert),
  };
});
afterAll(async () => {
  await engines?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

/** What a server that does not start says last. */
async function lastWords(env: Readonly<Record<string, string>>): Promise<string> {
  const sinceMs = performance.now();
  const { code, stdout, stderr } = await runParley(['serve'], env);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(performance.now() - sinceMs).toBeLessThan(toldWithinMs);
  return stderr.trimEnd().split('\n').at(-1) ?? '';
}

test.each(mechanisms)(
  'a message is answered by way of brokers that speak TLS and ask for a password (%s)',
  async (mechanism) => {
    await using server = await startServer({ env: { ...access, PARLEY_KAFKA_SASL: mechanism } });
    await using testSessions = new TestSessions(server, 'bidi');
    const { session } = await testSessions.connect();
    expect(textOf((await session.ask('Who can hear us?')).reply)).not.toBe('');
    await session.goodbye();
    expect(await server.stop('SIGTERM')).toEqual({ code: 0, signal: null });
  },
);

describe('a server that does not get in says where and why, and ends', () => {
  test.each(mechanisms)('with a wrong password (%s)', async (mechanism) => {
    const told = await lastWords({ ...access, PARLEY_KAFKA_SASL: mechanism, PARLEY_KAFKA_PASSWORD: 'sesame' });
    expect(told).toMatch(`Kafka at ${engines.kafka.securedBrokers} refused: SASL`);
    expect(told).toMatch('PARLEY_KAFKA_PASSWORD');
    expect(told).not.toMatch('sesame');
  });

  test('where the authority of the certificates is not known', async () => {
    const told = await lastWords({ ...access, NODE_EXTRA_CA_CERTS: '' });
    expect(told).toMatch(`Kafka at ${engines.kafka.securedBrokers} was not reached`);
    expect(told).toMatch('certificate');
  });

  test('where nothing listens', async () => {
    const nobody = `127.0.0.1:${await freePort()}`;
    const told = await lastWords({ ...access, PARLEY_KAFKA_BROKERS: nobody });
    expect(told).toMatch(`Kafka at ${nobody} was not reached`);
    expect(told).toMatch('ECONNREFUSED');
  });
});
