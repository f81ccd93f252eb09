import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';
import { issuerKey } from '../../../../src/adapters/oidc/testing/issuer.ts';

/** What an API of this issuer calls itself. */
export const audience = 'https://parley.example';
export const webClientId = 'parley-web';

/** An OpenID Connect issuer with a page on which anybody signs in under any name. */
export interface SignInIssuer extends AsyncDisposable {
  readonly url: string;
}

/** An issuer that knows the page at this URL as a public client. */
export async function startSignInIssuer(pageUrl: string): Promise<SignInIssuer> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const answer = (await providerFor(url, pageUrl)).callback();
  server.on('request', (request, response) => void answer(request, response));
  return {
    url,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function providerFor(url: string, pageUrl: string): Promise<Provider> {
  const client = {
    client_id: webClientId,
    application_type: 'web' as const,
    token_endpoint_auth_method: 'none' as const,
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code' as const],
    redirect_uris: [pageUrl],
  };
  const provider = new Provider(url, {
    clients: [client],
    jwks: { keys: [{ ...(await issuerKey('of-a-browser-test')) }] },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    clientBasedCORS: () => true,
    cookies: { keys: ['of a browser test'] },
    ttl: { AccessToken: 300, Interaction: 300, Session: 300, Grant: 300, IdToken: 300, RefreshToken: 300 },
    features: {
      devInteractions: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource) => ({
          scope: 'chat',
          audience: resource,
          accessTokenTTL: 300,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  });
  return provider;
}
