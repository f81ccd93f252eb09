import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2';
import { type Duplex, duplexPair } from 'node:stream';

/**
 * Node's HTTP/2 server ends a connection on which more than 1,000 streams were reset at once, or more than 33 a second for long, as an attack
 * (CVE-2023-44487). Here all browsers share one, and one of them that cancels call after call must not end what the others have open.
 */
const requestsPerConnection = 500;

interface Carrier {
  readonly session: ClientHttp2Session;
  /** Begun on it. */
  requests: number;
  /** Not ended yet. */
  open: number;
}

/**
 * An HTTP/2 connection to a server of this very process, over a pair of streams instead of sockets: nothing more to listen on, no port or file
 * that others could reach. Made when it is first needed, and again when it was lost or has had its requests, of which those under way go on;
 * it ends with the server.
 */
export class InProcessConnection {
  readonly #serve: (connection: Duplex) => void;
  #carrier: Carrier | undefined;

  /** `serve` hands the server its end, as if it had been accepted. */
  constructor(serve: (connection: Duplex) => void) {
    this.#serve = serve;
  }

  /** Begins a request. Throws when the server takes no more. */
  request(headers: OutgoingHttpHeaders): ClientHttp2Stream {
    const carrier = this.#usable() ?? this.#open();
    this.#carrier = carrier;
    const request = carrier.session.request(headers);
    carrier.requests += 1;
    carrier.open += 1;
    request.once('close', () => {
      carrier.open -= 1;
      // No sooner: a connection that is told to end forgets a request that it has not sent yet.
      if (carrier.open === 0 && isSpent(carrier)) carrier.session.close();
    });
    return request;
  }

  #usable(): Carrier | undefined {
    const carrier = this.#carrier;
    if (carrier === undefined || isSpent(carrier)) return undefined;
    return carrier.session.closed || carrier.session.destroyed ? undefined : carrier;
  }

  #open(): Carrier {
    const [ours, theirs] = duplexPair();
    this.#serve(theirs);
    // All calls share it: the default limit of memory would refuse new ones while a few slow readers have frames waiting.
    const session = connect('http://door', { createConnection: () => ours, maxSessionMemory: Number.MAX_SAFE_INTEGER });
    // Each request on it fails with the same error, which is told to whoever made it.
    session.on('error', () => undefined);
    // One end of a pair does not notice that the other is gone.
    session.on('close', () => theirs.destroy());
    return { session, requests: 0, open: 0 };
  }
}

function isSpent({ requests }: Carrier): boolean {
  return requests >= requestsPerConnection;
}
