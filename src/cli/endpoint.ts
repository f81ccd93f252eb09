import type { AccessTokens } from '../client/access-tokens.ts';
import { grpc, type TlsMaterial } from '../client/node/grpc.ts';
import { Parley, type ParleyOptions } from '../client/parley.ts';

/** A server, and what it takes to speak to it. */
export interface Endpoint {
  /** `host:port` */
  readonly address: string;
  /** Default: without TLS. */
  readonly tls?: TlsMaterial | undefined;
  /** Default: calls carry no credentials. */
  readonly tokens?: AccessTokens | undefined;
}

/** The server, as a client of it sees it. @param who default: whom the token says */
export function connect(
  { address, tls, tokens }: Endpoint,
  who: Pick<ParleyOptions, 'clientId' | 'timeZone' | 'instructions'> = {},
): Parley {
  return new Parley({ wire: grpc({ address, tls }), tokens, ...who });
}
