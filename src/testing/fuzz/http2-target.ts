import { connect } from 'node:tls';
import { frameTypes } from '../attacks/http2-frames.ts';
import { portOf } from '../attacks/target.ts';
import { CertificateFolder, newAuthority, newCertificate } from '../certificates.ts';
import type { ParleyServer } from '../server.ts';
import { startTcpRelay } from '../tcp-relay.ts';
import { rawExchange } from './raw-exchange.ts';
import { clientNumber, recordedClient, talkAboutEverything } from './recorded-talk.ts';
import { record } from './recording.ts';
import { type FuzzInput, type FuzzInputs, type FuzzTarget, oneOf, replaced } from './target.ts';

const magicBytes = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'.length;
const headBytes = 9;

/** A connection of HTTP/2 in its pieces: the magic, and each frame. */
function piecesOf(connection: Buffer): readonly Buffer[] {
  const pieces = [connection.subarray(0, magicBytes)];
  for (let at = magicBytes; at + headBytes <= connection.length; ) {
    const end = at + headBytes + connection.readUIntBE(at, 3);
    pieces.push(connection.subarray(at, end));
    at = end;
  }
  return pieces;
}

/** What the server sent, by the last frame that says something. */
function answerIn(received: Buffer): string {
  let answer = 'nothing';
  for (let at = 0; at + headBytes <= received.length; at += headBytes + received.readUIntBE(at, 3)) {
    const type = received.readUInt8(at + 3);
    if (type === frameTypes.goAway && at + headBytes + 8 <= received.length)
      return `GOAWAY ${received.readUInt32BE(at + headBytes + 4)}`;
    if (type === frameTypes.reset) answer = 'reset';
    else if (type === frameTypes.headers && answer === 'nothing') answer = 'answered';
  }
  return answer;
}

/** Connections of a real client: mutated as a whole, or in one of their frames. */
class Connections implements FuzzInputs {
  readonly #ports: readonly number[];
  readonly #tls: boolean;
  readonly #connections: readonly (readonly Buffer[])[];
  #made = 0;

  /** The ports take turns. */
  constructor(ports: readonly number[], connections: readonly Buffer[], tls = false) {
    this.#ports = ports;
    this.#tls = tls;
    this.#connections = connections.map(piecesOf);
  }

  next(random: () => number): FuzzInput {
    const pieces = oneOf(random, this.#connections);
    const chosen = Math.floor(random() * pieces.length);
    this.#made += 1;
    const client = clientNumber(this.#made);
    const port = this.#ports[this.#made % this.#ports.length] as number;
    const send = async (before: readonly Buffer[], mutated: Buffer, after: readonly Buffer[]) => {
      const bytes = Buffer.concat([...before, mutated, ...after]);
      const { received, ended } = await rawExchange(port, replaced(bytes, recordedClient, client), this.#tls);
      return `${answerIn(received)}, ${ended}`;
    };
    if (random() < 0.5) return { bytes: Buffer.concat(pieces), send: (mutated) => send([], mutated, []) };
    const [before, after] = [pieces.slice(0, chosen), pieces.slice(chosen + 1)];
    return { bytes: pieces[chosen] ?? Buffer.alloc(0), send: (mutated) => send(before, mutated, after) };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** Connections to the gRPC port, octet by octet. */
export async function http2Target(): Promise<FuzzTarget> {
  return {
    settings: {},
    async inputs({ address }: ParleyServer) {
      return new Connections([portOf(address)], await record(address, talkAboutEverything));
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** Connections to both ports by TLS: what is within it is mutated. */
export async function tlsTarget(): Promise<FuzzTarget> {
  const opened = new AsyncDisposableStack();
  const files = opened.use(await CertificateFolder.make());
  const { cert, key } = await newCertificate(await newAuthority('fuzz'), 'a server');
  const withoutTls = async (address: string) => {
    const to = { hostname: '127.0.0.1', port: portOf(address) };
    const relay = await startTcpRelay(to, ({ client, server }) => {
      const secured = connect({ socket: server, ALPNProtocols: ['h2'], rejectUnauthorized: false });
      secured.on('error', () => undefined).pipe(client);
      client.pipe(secured);
    });
    return `127.0.0.1:${opened.use(relay).port}`;
  };
  return {
    settings: {
      PARLEY_TLS_CERT_FILE: await files.write('cert.pem', cert),
      PARLEY_TLS_KEY_FILE: await files.write('key.pem', key),
    },
    withoutTls,
    async inputs({ address, httpAddress }: ParleyServer) {
      const connections = await record(await withoutTls(address), talkAboutEverything);
      return new Connections([portOf(address), portOf(httpAddress)], connections, true);
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
