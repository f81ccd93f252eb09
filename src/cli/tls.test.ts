import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { ServerCredentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Kind, MediaSchema } from '../client/gen/chat/v1/content_pb.js';
import { ScriptedAccounts } from '../client/testing/scripted-accounts.ts';
import { ScriptedServer } from '../client/testing/scripted-server.ts';
import type { Certificate } from '../testing/certificates.ts';
import { newAuthority, newCertificate } from '../testing/certificates.ts';
import { MediaFolder } from './media/incoming-media.ts';
import type { Outcome } from './testing/client-process.ts';
import { runClient } from './testing/client-process.ts';

let folder: string;
let authority: Certificate;
let certificate: Certificate;
let ca: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'parley-tls-'));
  authority = await newAuthority('Parley tests');
  certificate = await newCertificate(authority, 'server');
  ca = write('ca.pem', authority.cert);
});

afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(() => rmSync(join(folder, 'parley'), { recursive: true, force: true }));

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

async function tlsServer(needsClientCertificate: boolean): Promise<ScriptedServer> {
  const server = new ScriptedServer();
  const pair = { cert_chain: Buffer.from(certificate.cert), private_key: Buffer.from(certificate.key) };
  server.credentials = ServerCredentials.createSsl(Buffer.from(authority.cert), [pair], needsClientCertificate);
  server.services = [new ScriptedAccounts().service];
  return server.start();
}

function chat(server: ScriptedServer, ...more: string[]): Promise<Outcome> {
  return runClient(folder, ['chat', '--address', server.address, '--client', 'ann', ...more], 'hello\n');
}

describe('with TLS', () => {
  test('a server is trusted by the authority named, and by no other', async () => {
    await using server = await tlsServer(false);
    expect(await chat(server, '--ca', ca)).toEqual({ exitCode: 0, output: 'You said: hello\n', errors: '' });
    const { exitCode, errors } = await runClient(folder, ['sign-out', '--address', server.address, '--tls']);
    expect({ exitCode, errors }).toEqual({ exitCode: 0, errors: '' });
    const usage = await runClient(folder, ['usage', '--address', server.address, '--tls']);
    expect(usage).toMatchObject({ exitCode: 1, output: '' });
    expect(usage.errors).toMatch(/do not agree on TLS: .*certificate.* See --tls, --ca, --cert and --key\.\n$/);
    const plain = await runClient(folder, ['usage', '--address', server.address]);
    expect(plain.errors).toBe(
      `Something at ${server.address} takes connections, but does not answer. If it wants TLS, say --tls, or --ca FILE.\n`,
    );
    server.kill();
    server.credentials = ServerCredentials.createInsecure();
    await server.start();
    const late = await runClient(folder, ['usage', '--address', server.address, '--tls']);
    expect(late.errors).toMatch(/do not agree on TLS: wrong version number\. See/);
  });

  test('a server that wants a certificate gets one', async () => {
    await using server = await tlsServer(true);
    const own = await newCertificate(authority, 'ann');
    const [cert, key] = [write('cert.pem', own.cert), write('key.pem', own.key)];
    expect(await chat(server, '--ca', ca, '--cert', cert, '--key', key)).toMatchObject({ exitCode: 0 });
    expect(await chat(server, '--ca', ca, '--cert', cert)).toMatchObject({
      exitCode: 1,
      errors: '--cert and --key belong together.\n',
    });
    expect(await chat(server, '--ca', `${ca}2`)).toMatchObject({ exitCode: 2 });
  });

  test('a token is not sent to the same address without TLS', async () => {
    await using server = await tlsServer(false);
    const signIn = ['sign-in', 'ann', '--address', server.address, '--ca', ca];
    expect(await runClient(folder, signIn, 'password\n')).toMatchObject({ exitCode: 0 });
    await chat(server, '--ca', ca);
    expect(server.authorizations).toEqual(['Bearer access-1']);
    server.kill();
    server.credentials = ServerCredentials.createInsecure();
    await server.start();
    await chat(server);
    expect(server.authorizations).toEqual(['Bearer access-1', '']);
  });

  test('media are fetched by the same trust', async () => {
    const https = createServer(certificate, (_request, response) => response.end('sound'));
    await new Promise<void>((resolve) => https.listen(0, '127.0.0.1', resolve));
    const url = `https://127.0.0.1:${(https.address() as AddressInfo).port}/m`;
    const media = create(MediaSchema, { kind: Kind.VOICE, contentType: 'audio/mpeg', url, sizeBytes: 5n });
    const save = (tls: { ca?: Buffer }): Promise<string> => {
      const options = { folder: join(folder, 'media'), timeZone: 'UTC', show: () => undefined };
      return new MediaFolder({ ...options, endpoint: { address: 'x:1', tls } }).save(media, new Date(0));
    };
    expect(await save({ ca: Buffer.from(authority.cert) })).toContain('1970-01-01-000000-voice-1.mp3');
    await expect(save({})).rejects.toThrow(/certificate/);
    https.close();
  });
});
