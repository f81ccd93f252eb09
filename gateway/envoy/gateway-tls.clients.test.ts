import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { dial, shapes, textOf } from '../../src/testing/black-box-client.ts';
import { type Certificate, CertificateFolder, newAuthority, newCertificate } from '../../src/testing/certificates.ts';
import { type EnvoyEngine, startEnvoy } from '../../src/testing/engines/envoy.ts';
import { freePort } from '../../src/testing/engines/free-port.ts';
import { picture } from '../../src/testing/media-samples.ts';
import { type ParleyServer, startServer } from '../../src/testing/server.ts';
import { upload } from '../../src/testing/uploads.ts';
import { ask, bytesOf, framesOf, webCall } from './testing/requests.ts';

let files: CertificateFolder;
let authority: Certificate;
let server: ParleyServer;
let port: number;

beforeAll(async () => {
  files = await CertificateFolder.make();
  port = await freePort();
  authority = await newAuthority('of gateways');
  const { cert, key } = await newCertificate(authority, 'the first');
  const env = {
    PARLEY_TLS_CERT_FILE: await files.write('gateway.crt', cert),
    PARLEY_TLS_KEY_FILE: await files.write('gateway.key', key),
    PARLEY_HTTP_PUBLIC_URL: `http://127.0.0.1:${port}`,
  };
  server = await startServer({ env });
});

afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await files[Symbol.asyncDispose]();
});

/** Envoy before the gateway, which it must know by this authority and name. */
async function envoyBefore({ cert }: Certificate, name: string): Promise<EnvoyEngine> {
  const authorityFile = await files.write('authority.crt', cert);
  return startEnvoy({ port, gateways: [server], values: { gatewayTls: { authorityFile, name } } });
}

/** What its statistics say of the gateways that it takes for healthy. */
async function healthyGateways(envoy: EnvoyEngine): Promise<number> {
  const statistics = await (await fetch(`http://${envoy.statistics}/metrics`)).text();
  const line = /^envoy_cluster_membership_healthy\{envoy_cluster_name="gateways"\} (\d+)$/m.exec(statistics);
  return Number(line?.[1]);
}

describe('gateways that end TLS themselves', () => {
  test('are reached by calls, pages and media', async () => {
    await using envoy = await envoyBefore(authority, 'localhost');
    for (const shape of shapes) {
      const client = dial({ address: envoy.address, shape });
      await client.welcome();
      expect(textOf((await client.ask('Can you hear me?')).reply)).not.toBe('');
      client.drop();
    }
    const answer = await webCall(envoy.origin, 'OperationsService/GetUsage', new Uint8Array());
    const frames = await Array.fromAsync(framesOf(answer));
    expect(String(frames.at(-1)?.contents)).toMatch(/grpc-status:\s*0/);
    expect(String(await bytesOf(await ask(envoy.origin, '/docs')))).toContain('ChatService');
    expect(await upload({ address: envoy.address, clientId: 'ada' }, picture)).not.toBe('');
  });

  test.each([
    ['of another authority', () => newAuthority('of others'), 'localhost'],
    ['with another name', async () => authority, 'gateway.example'],
  ])('are none %s', async (_, known, name) => {
    await using envoy = await envoyBefore(await known(), name);
    expect(await healthyGateways(envoy)).toBe(0);
    expect((await ask(envoy.origin, '/docs')).statusCode).toBe(503);
    expect(await dial({ address: envoy.address, shape: 'bidi' }).ended).toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('are none without that: what they say cannot be read', async () => {
    await using envoy = await startEnvoy({ port, gateways: [server] });
    expect(await healthyGateways(envoy)).toBe(0);
  });
});
