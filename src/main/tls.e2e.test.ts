import { connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import { credentials } from '@grpc/grpc-js';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { type Certificate, CertificateFolder, newAuthority, newCertificate } from '../testing/certificates.ts';
import { call, clientOf, hangUp } from '../testing/contract.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';
import { eventually } from '../testing/test-sessions.ts';

let authority: Certificate;
let other: Certificate;
let first: Certificate;

beforeAll(async () => {
  authority = await newAuthority('Parley tests');
  other = await newAuthority('Somebody else');
  first = await newCertificate(authority, 'first');
});

/** A server with TLS on both ports, and the folder that its files are in. */
async function startWithTls(clientCa?: Certificate) {
  const files = await CertificateFolder.make();
  const env = {
    PARLEY_TLS_CERT_FILE: await files.write('cert.pem', first.cert),
    PARLEY_TLS_KEY_FILE: await files.write('key.pem', first.key),
    ...(clientCa === undefined ? {} : { PARLEY_TLS_CLIENT_CA_FILE: await files.write('ca.pem', clientCa.cert) }),
  };
  const server = await startServer({ env });
  return {
    server,
    files,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await files[Symbol.asyncDispose]();
    },
  };
}

/** Calls GetUsage over TLS; resolves to undefined when it was answered, or to the error's words. */
async function callOver(server: ParleyServer, trusted: Certificate, shown?: Certificate): Promise<string | undefined> {
  const pem = (text: string | undefined) => (text === undefined ? null : Buffer.from(text));
  const shownCredentials = credentials.createSsl(pem(trusted.cert), pem(shown?.key), pem(shown?.cert));
  const client = clientOf('chat.v1.OperationsService', server.address, {}, shownCredentials);
  try {
    await call(client, 'GetUsage', {});
    return undefined;
  } catch (error) {
    return (error as Error).message;
  } finally {
    hangUp(client);
  }
}

/** The common name of the certificate that a port shows now. */
async function shownBy(address: string, ca: Certificate): Promise<string> {
  const [host = '', port = ''] = address.split(':');
  const socket: TLSSocket = connect({
    host,
    port: Number(port),
    ca: ca.cert,
    servername: 'localhost',
    ALPNProtocols: ['h2', 'http/1.1'],
  });
  try {
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    const certificate: PeerCertificate = socket.getPeerCertificate();
    return String(certificate.subject.CN);
  } finally {
    socket.destroy();
  }
}

describe('a server with a certificate', () => {
  test('talks TLS on both ports, to those who trust its authority', async () => {
    await using tls = await startWithTls();
    const { server } = tls;
    expect(await callOver(server, authority)).toBeUndefined();
    expect(await callOver(server, other)).toMatch(/certificate|issuer/i);
    expect(await shownBy(server.httpAddress, authority)).toBe('first');
    await expect(fetch(`http://${server.httpAddress}/healthz`)).rejects.toThrow();
  });

  test('shows the new certificate once the files have changed, and keeps the former one while they cannot be used', async () => {
    await using tls = await startWithTls();
    const { server, files } = tls;
    await files.write('cert.pem', 'not a certificate');
    await eventually(
      async () => server.stderr(),
      (words) => words.includes('the former one stays in force'),
      10_000,
    );
    expect(await shownBy(server.address, authority)).toBe('first');
    const second = await newCertificate(authority, 'second');
    await files.write('key.pem', second.key);
    await files.write('cert.pem', second.cert);
    for (const address of [server.address, server.httpAddress]) {
      await eventually(
        () => shownBy(address, authority),
        (name) => name === 'second',
        10_000,
      );
    }
    expect(await callOver(server, authority)).toBeUndefined();
  });

  test('with an authority of clients, only those who show a certificate of it are let in', async () => {
    await using tls = await startWithTls(authority);
    const { server } = tls;
    expect(await callOver(server, authority, await newCertificate(authority, 'a client'))).toBeUndefined();
    expect(await callOver(server, authority)).toBeDefined();
    expect(await callOver(server, authority, await newCertificate(other, 'a stranger'))).toBeDefined();
  });
});

test('files that cannot be used are told in one line, and the server does not start', async () => {
  await using files = await CertificateFolder.make();
  const env = {
    PARLEY_TLS_CERT_FILE: await files.write('cert.pem', first.cert),
    PARLEY_TLS_KEY_FILE: await files.write('key.pem', other.key),
  };
  await expect(startServer({ env })).rejects.toThrow(/the files of PARLEY_TLS_… cannot be used: .*/);
});

test('authorities of clients that are none do not start it either: nobody could show a certificate of theirs', async () => {
  await using files = await CertificateFolder.make();
  const env = {
    PARLEY_TLS_CERT_FILE: await files.write('cert.pem', first.cert),
    PARLEY_TLS_KEY_FILE: await files.write('key.pem', first.key),
    PARLEY_TLS_CLIENT_CA_FILE: await files.write('ca.pem', 'no certificate\n'),
  };
  await expect(startServer({ env })).rejects.toThrow(/the files of PARLEY_TLS_… cannot be used: .*/);
});
