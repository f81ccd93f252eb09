import { hostname, userInfo } from 'node:os';
import type { TlsMaterial } from '../client/node/grpc.ts';
import { SavedTokens } from '../client/saved-tokens.ts';
import { TokenFromFile } from './account/token-from-file.ts';
import { TokenStore } from './account/token-store.ts';
import type { CommonOptions, ServerOptions, Surroundings } from './common-options.ts';
import { connect, type Endpoint } from './endpoint.ts';
import { printableLine } from './text.ts';
import { Trouble } from './trouble.ts';

/** Whom a command speaks for, and to which server. */
export interface Identity {
  readonly endpoint: Endpoint;
  /** Empty: whom the token says. */
  readonly clientId: string;
}

/** The server that the options name, with the credentials that are kept for it. @throws Trouble */
export function identify(options: CommonOptions, { stateHome }: Surroundings): Identity {
  const { address, client, tokenFile } = options;
  const tls = tlsMaterial(options);
  if (tokenFile !== undefined)
    return { endpoint: { address, tls, tokens: new TokenFromFile(tokenFile) }, clientId: client ?? '' };
  const store = tokenStore(stateHome, { address, tls });
  const tokens = savedTokens(store, { address, tls });
  return { endpoint: { address, tls, tokens }, clientId: client ?? store.read()?.clientId ?? defaultClientId() };
}

/** Under whose name something is kept, also where the client id comes with the token alone. */
export function ownerOf({ clientId }: Identity, { tokenFile = '' }: CommonOptions): string {
  return clientId || tokenFile;
}

/** What is kept of who is signed in there. */
export function tokenStore(stateHome: string | undefined, { address, tls }: Endpoint): TokenStore {
  // Two, so that a token given over TLS is never sent without.
  return new TokenStore(stateHome, `${tls === undefined ? 'grpc' : 'grpcs'}://${address}`);
}

/** The tokens that `parley sign-in` has left. @param endpoint where they are renewed, without credentials */
export function savedTokens(store: TokenStore, endpoint: Endpoint): SavedTokens {
  return new SavedTokens(store, async (refreshToken) => {
    using parley = connect(endpoint);
    return (await parley.accounts.refreshTokens({ refreshToken })).tokens;
  });
}

/** How to reach the server without speaking for anybody. @throws Trouble */
export function anonymously(options: ServerOptions): Endpoint {
  return { address: options.address, tls: tlsMaterial(options) };
}

function tlsMaterial({ tls, ca, cert, key }: ServerOptions): TlsMaterial | undefined {
  if ((cert === undefined) !== (key === undefined)) throw new Trouble('--cert and --key belong together.');
  return tls || ca !== undefined || cert !== undefined ? { ca, cert, key } : undefined;
}

/** User and machine: stable, and different for two people who share a server. */
export function defaultClientId(): string {
  return `${userInfo().username}@${hostname()}`;
}

/** To be added to what was found of a client; empty where only the server knows who that is. */
export function inWhose(clientId: string): string {
  return clientId === '' ? '' : ` in the conversations of ${printableLine(clientId)}`;
}

/** Without accounts a person is another client in each browser and on each machine, and looks for what was said as another one. */
export function noConversations(clientId: string): string {
  const hint =
    clientId !== defaultClientId()
      ? ''
      : ' A page in a browser is a client of its own; `parley open` opens one as this client, and --client names another.';
  return `No conversations of ${printableLine(clientId)} yet.${hint}`;
}
