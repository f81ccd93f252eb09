import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, importJWK, type JWK, type JWTPayload, SignJWT } from 'jose';
import Provider from 'oidc-provider';

/** A key pair of an issuer, as a private JWK. */
export type IssuerKey = JWK & { readonly kid: string; readonly alg: string };

export async function issuerKey(kid: string, alg = 'RS256'): Promise<IssuerKey> {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(privateKey)), kid, alg, use: 'sig' };
}

const client = { client_id: 'bot', client_secret: 'a-secret-of-the-tests' };

/** An OpenID Connect issuer on this machine that can be down, and change its keys. */
export class TestIssuer implements AsyncDisposable {
  readonly url: string;
  /** Paths asked for, in order. */
  readonly asked: string[] = [];
  readonly #server: Server;
  #answer: RequestListener = down;

  /** Listens; it is down until `up`. */
  static async listen(): Promise<TestIssuer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new TestIssuer(server);
  }

  constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', (request, response) => {
      this.asked.push(request.url ?? '');
      this.#answer(request, response);
    });
  }

  /** Works, with these keys; the first signs. */
  up(keys: readonly IssuerKey[]): void {
    const provider = new Provider(this.url, {
      clients: [
        {
          ...client,
          grant_types: ['client_credentials'],
          redirect_uris: [],
          response_types: [],
          id_token_signed_response_alg: 'RS256',
        },
      ],
      jwks: { keys: keys.map((key) => ({ ...key })) },
      scopes: ['chat', 'parley.operator'],
      ttl: { ClientCredentials: 300 },
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: (_context, resource) => ({
            scope: 'chat parley.operator',
            audience: resource,
            accessTokenTTL: 300,
            accessTokenFormat: 'jwt',
            jwt: { sign: { alg: 'RS256' } },
          }),
        },
      },
    });
    const answer = provider.callback();
    this.#answer = (request, response) => void answer(request, response);
  }

  /** Answers so to everything. */
  answer(listener: RequestListener): void {
    this.#answer = listener;
  }

  down(): void {
    this.#answer = down;
  }

  /** An access token as a client gets it. */
  async token(audience: string, scope = 'chat'): Promise<string> {
    const body = new URLSearchParams({ ...client, grant_type: 'client_credentials', resource: audience, scope });
    const response = await fetch(`${this.url}/token`, { method: 'POST', body });
    const { access_token: token } = (await response.json()) as { access_token?: string };
    if (token === undefined) throw new Error(`no token: ${response.status}`);
    return token;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const down: RequestListener = (request) => request.socket.destroy();

/** A token that the issuer's key signed, whatever it says. */
export async function signedBy(key: IssuerKey, claims: JWTPayload, header: object = {}): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: key.alg, kid: key.kid, ...header })
    .sign(await importJWK(key, key.alg));
}
