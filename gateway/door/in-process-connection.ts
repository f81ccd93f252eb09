import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2';
import { type Duplex, duplexPair } from 'node:stream';

/**
 * An HTTP/2 connection to a server of this very process, over a pair of streams instead of sockets: nothing more to listen on, no port or file
 * that others could reach. Made when it is first needed, and again when it was lost; it ends with the server.
 */
export class InProcessConnection {
  readonly #serve: (connection: Duplex) => void;
  #session: ClientHttp2Session | undefined;

  /** `serve` hands the server its end, as if it had been accepted. */
  constructor(serve: (connection: Duplex) => void) {
    this.#serve = serve;
  }

  /** Begins a request. Throws when the server takes no more. */
  request(headers: OutgoingHttpHeaders): ClientHttp2Stream {
    if (this.#session === undefined || this.#session.closed || this.#session.destroyed) this.#session = this.#open();
    return this.#session.request(headers);
  }

  #open(): ClientHttp2Session {
    const [ours, theirs] = duplexPair();
    this.#serve(theirs);
    // All calls share it: the default limit of memory would refuse new ones while a few slow readers have frames waiting.
    const session = connect('http://door', { createConnection: () => ours, maxSessionMemory: Number.MAX_SAFE_INTEGER });
    // Each request on it fails with the same error, which is told to whoever made it.
    session.on('error', () => undefined);
    return session;
  }
}
