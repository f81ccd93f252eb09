import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import * as oauth from 'oauth4webapi';
import { type OidcSignIn, type Tokens, TokensSchema } from '../../../../src/client/gen/chat/v1/account_service_pb.js';
import { Refusal } from '../../../../src/client/refusal.ts';
import type { StoredTokens } from '../../../../src/client/saved-tokens.ts';
import { pageRefusal } from './calls.ts';
import type { Page } from './page.ts';

/** If the issuer does not say. */
const defaultLifetimeMs = 300_000;

/** What is remembered while the user is at the issuer's page. */
interface PendingSignIn {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  /** The fragment in which the page was. */
  readonly hash: string;
}

/** Signs people in at an OpenID Connect issuer: authorization code with PKCE, by a public client that keeps no secret. */
export class Issuer {
  readonly #oidc: OidcSignIn;
  readonly #page: Page;
  readonly #pendingKey: string;

  constructor(oidc: OidcSignIn, page: Page, pendingKey: string) {
    this.#oidc = oidc;
    this.#page = page;
    this.#pendingKey = pendingKey;
  }

  /** Leaves for the issuer's page. Rejects with Refusal when it cannot be found. */
  leave(): Promise<void> {
    return told(async () => {
      const server = await this.#discover();
      if (server.authorization_endpoint === undefined) throw issuerFailed();
      const here = new URL(this.#page.url());
      const pending: PendingSignIn = {
        state: oauth.generateRandomState(),
        nonce: oauth.generateRandomNonce(),
        verifier: oauth.generateRandomCodeVerifier(),
        hash: here.hash,
      };
      this.#page.tabStore.setItem(this.#pendingKey, JSON.stringify(pending));
      const target = new URL(server.authorization_endpoint);
      for (const [name, value] of Object.entries(await this.#question(pending))) target.searchParams.set(name, value);
      this.#page.leaveFor(target.href);
    });
  }

  /** Trades the code with which the user came back, and cleans the page's address. Rejects with Refusal. */
  comeBack(): Promise<Tokens> {
    return told(async () => {
      const pending = JSON.parse(this.#page.tabStore.getItem(this.#pendingKey) ?? '{}') as PendingSignIn;
      const url = new URL(this.#page.url());
      this.#page.tabStore.removeItem(this.#pendingKey);
      this.#page.replaceUrl(this.#redirectUri + (pending.hash ?? ''));
      const server = await this.#discover();
      const answer = oauth.validateAuthResponse(server, this.#client, url, pending.state);
      const redirect = this.#redirectUri;
      const options = { additionalParameters: this.#resource, ...this.#insecure };
      const response = await oauth.authorizationCodeGrantRequest(
        server,
        this.#client,
        oauth.None(),
        answer,
        redirect,
        pending.verifier,
        options,
      );
      const isOpenId = this.#oidc.scopes.includes('openid');
      const expected = isOpenId ? { expectedNonce: pending.nonce, requireIdToken: true } : {};
      return tokensOf(await oauth.processAuthorizationCodeResponse(server, this.#client, response, expected));
    });
  }

  /** Trades a refresh token. Rejects with Refusal. */
  renew(tokens: StoredTokens): Promise<Tokens> {
    return told(async () => {
      const server = await this.#discover();
      const options = { additionalParameters: this.#resource, ...this.#insecure };
      const response = await oauth.refreshTokenGrantRequest(
        server,
        this.#client,
        oauth.None(),
        tokens.refreshToken,
        options,
      );
      const renewed = tokensOf(await oauth.processRefreshTokenResponse(server, this.#client, response));
      // An issuer that does not rotate says it no second time.
      return { ...renewed, clientId: tokens.clientId, refreshToken: renewed.refreshToken || tokens.refreshToken };
    });
  }

  get #client(): oauth.Client {
    return { client_id: this.#oidc.webClientId };
  }

  /** The page's own URL, as it is registered. */
  get #redirectUri(): string {
    const { origin, pathname } = new URL(this.#page.url());
    return origin + pathname;
  }

  /** An audience that is a URL is asked for as the resource that the tokens are for. */
  get #resource(): Record<string, string> {
    return URL.canParse(this.#oidc.audience) ? { resource: this.#oidc.audience } : {};
  }

  /** An issuer without TLS is one on this machine. */
  get #insecure() {
    return { [oauth.allowInsecureRequests]: this.#oidc.issuer.startsWith('http://') };
  }

  async #discover(): Promise<oauth.AuthorizationServer> {
    const issuer = new URL(this.#oidc.issuer);
    return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, this.#insecure));
  }

  async #question({ state, nonce, verifier }: PendingSignIn): Promise<Record<string, string>> {
    const { webClientId, scopes } = this.#oidc;
    return {
      client_id: webClientId,
      redirect_uri: this.#redirectUri,
      response_type: 'code',
      scope: scopes.join(' '),
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
      // Where refresh tokens are only given to who is asked.
      ...(scopes.includes('offline_access') ? { prompt: 'consent' } : {}),
      ...this.#resource,
    };
  }
}

function tokensOf(answer: oauth.TokenEndpointResponse): Tokens {
  const { access_token: accessToken, refresh_token: refreshToken = '', expires_in: lifetimeS } = answer;
  return create(TokensSchema, {
    accessToken,
    refreshToken,
    accessTokenLifetime: durationFromMs(lifetimeS === undefined ? defaultLifetimeMs : lifetimeS * 1_000),
    clientId: oauth.getValidatedIdTokenClaims(answer)?.sub ?? '',
  });
}

/** What went wrong with the issuer, in this page's terms. */
async function told<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof Refusal) throw error;
    if (error instanceof oauth.ResponseBodyError && error.error === 'invalid_grant')
      throw pageRefusal('REFRESH_TOKEN_INVALID', Code.Unauthenticated);
    // What fetch rejects with is a TypeError; everything else was an answer that cannot be used.
    const isAway = error instanceof TypeError || (error instanceof oauth.ResponseBodyError && error.status >= 500);
    throw isAway ? pageRefusal('ISSUER_UNREACHABLE', Code.Unavailable) : issuerFailed();
  }
}

/** It ends the sign-in that it is to renew: nobody can be asked again. */
function issuerFailed(): Refusal {
  return pageRefusal('ISSUER_FAILED', Code.Unauthenticated);
}
