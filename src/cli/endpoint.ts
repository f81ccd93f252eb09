import type { AccessTokens } from '../client/access-tokens.ts';
import { grpc, type TlsMaterial } from '../client/node/grpc.ts';
import { Parley } from '../client/parley.ts';

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
  who: { readonly clientId?: string; readonly timeZone?: string } = {},
): Parley {
  return new Parley({ wire: grpc({ address, tls }), tokens, ...who });
}
