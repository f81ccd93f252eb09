import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** After so long without an answer this end says that it sends no more. */
const quietMs = 100;
/** A server that does not end the connection then is left. */
const leaveMs = 2_000;

/** What came back on a connection. */
export interface RawAnswer {
  readonly received: Buffer;
  /** How it ended: the server closed it before it was asked to, then, or not even then. */
  readonly ended: 'cut' | 'closed' | 'left';
}

/** Sends these octets on a connection of their own, and reads until it is over. `tls`: they are those of HTTP/2 within it, whoever signed the certificate. */
export function rawExchange(port: number, bytes: Buffer, tls = false): Promise<RawAnswer> {
  const chunks: Buffer[] = [];
  let ended: RawAnswer['ended'] = 'cut';
  return new Promise((resolve) => {
    const to = { port, host: '127.0.0.1', noDelay: true };
    const socket = tls ? connectTls({ ...to, ALPNProtocols: ['h2'], rejectUnauthorized: false }) : connect(to);
    const leave = setTimeout(() => {
      ended = 'left';
      socket.destroy();
    }, leaveMs);
    let enough: NodeJS.Timeout | undefined;
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      enough = setTimeout(() => {
        ended = 'closed';
        socket.end();
      }, quietMs);
    });
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      enough?.refresh();
    });
    // Resets are an answer like others: the connection has been cut.
    socket.on('error', () => undefined);
    socket.once('close', () => {
      clearTimeout(leave);
      clearTimeout(enough);
      resolve({ received: Buffer.concat(chunks), ended });
    });
    socket.write(bytes);
  });
}
