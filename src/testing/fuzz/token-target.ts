import { createPrivateKey, sign } from 'node:crypto';
import { type IssuerKey, issuerKey, signedBy, TestIssuer } from '../../adapters/oidc/testing/issuer.ts';
import { framed } from '../attacks/calls.ts';
import { portOf } from '../attacks/target.ts';
import { connect } from '../black-box-client.ts';
import { CallRefused } from '../contract.ts';
import type { ParleyServer } from '../server.ts';
import { rawExchange } from './raw-exchange.ts';
import { clientNumber } from './recorded-talk.ts';
import { type FuzzInput, type FuzzInputs, type FuzzTarget, oneOf } from './target.ts';
import { webAnswer, webRequest } from './web-target.ts';

const audience = 'https://parley.example';
const listPath = '/chat.v1.HistoryService/ListConversations';
/** Longer than any run. */
const lifetimeSeconds = 24 * 3_600;

function claimsOf(issuer: string, subject: string): Record<string, unknown> {
  const seconds = Math.floor(Date.now() / 1_000);
  return { iss: issuer, aud: audience, sub: subject, iat: seconds, exp: seconds + lifetimeSeconds, scope: 'chat' };
}

/** What a token says and by whom it is signed, without the ways to write the same in base64url. */
function meaningOf(token: string): string {
  return token
    .split('.')
    .map((part) => Buffer.from(part, 'base64url').toString('hex'))
    .join('.');
}

/** Tokens of an issuer that are mutated after they were signed, and others of which the head or the claims are mutated before. */
class Tokens implements FuzzInputs {
  readonly #server: ParleyServer;
  readonly #issuer: string;
  readonly #key: IssuerKey;
  readonly #token: string;
  #made = 0;

  constructor(server: ParleyServer, issuer: string, key: IssuerKey, token: string) {
    this.#server = server;
    this.#issuer = issuer;
    this.#key = key;
    this.#token = token;
  }

  next(random: () => number): FuzzInput {
    this.#made += 1;
    const subject = clientNumber(this.#made);
    const [head = '', claims = ''] = this.#token.split('.').map((part) => Buffer.from(part, 'base64url').toString());
    const texts: readonly FuzzInput[] = [
      { bytes: Buffer.from(this.#token), send: (mutated) => this.#altered(mutated) },
      { bytes: Buffer.from(head), send: (mutated) => this.#signed('head', mutated, Buffer.from(claims)) },
      { bytes: Buffer.from(claims), send: (mutated) => this.#signed('claims', Buffer.from(head), mutated) },
      { bytes: Buffer.from(this.#token), send: (mutated) => this.#renewed(mutated, subject) },
    ];
    return oneOf(random, texts);
  }

  /** Rejects when another token than that of the issuer is taken. */
  async #altered(mutated: Buffer): Promise<string> {
    const token = mutated.toString('latin1').replaceAll(/[\r\n\0]/g, '');
    const answer = await this.#list(token);
    const isTaken = answer.endsWith(' OK');
    if (isTaken && meaningOf(token) !== meaningOf(this.#token)) throw new Error(`a token was taken: ${token}`);
    return `altered: ${answer}`;
  }

  /** The issuer signs whatever this is. */
  async #signed(what: string, head: Buffer, claims: Buffer): Promise<string> {
    const input = `${head.toString('base64url')}.${claims.toString('base64url')}`;
    const key = createPrivateKey({ key: this.#key as never, format: 'jwk' });
    return `${what}: ${await this.#list(`${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`)}`;
  }

  /** By the frame of an open stream. */
  async #renewed(mutated: Buffer, subject: string): Promise<string> {
    const accessToken = await signedBy(this.#key, claimsOf(this.#issuer, subject));
    try {
      const { session } = await connect(
        { address: this.#server.address, shape: 'bidi', accessToken },
        { clientId: '' },
      );
      await session.renew(mutated.toString());
      const end = await Promise.race([session.ended, session.ping()]);
      session.drop();
      return `renewal: ${end instanceof CallRefused ? end.reason : 'goes on'}`;
    } catch (error) {
      if (!(error instanceof CallRefused)) throw error;
      return `renewal: ${error.reason}`;
    }
  }

  async #list(token: string): Promise<string> {
    const request = webRequest(listPath, framed(Buffer.alloc(0)), [`authorization: Bearer ${token}`]);
    const { received, ended } = await rawExchange(portOf(this.#server.httpAddress), request);
    return webAnswer(received, ended);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** Access tokens, to a server that trusts an issuer. */
export async function tokenTarget(): Promise<FuzzTarget> {
  const key = await issuerKey('first');
  const issuer = await TestIssuer.listen();
  const { kty, n, e, kid, alg } = key;
  const documents: Readonly<Record<string, object>> = {
    '/.well-known/openid-configuration': { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` },
    '/jwks': { keys: [{ kty, n, e, kid, alg, use: 'sig' }] },
  };
  issuer.answer(({ url = '' }, response) => {
    const document = documents[url];
    response.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(document ?? {}));
  });
  const token = await signedBy(key, claimsOf(issuer.url, clientNumber(0)));
  return {
    settings: { PARLEY_AUTH: 'oidc', PARLEY_OIDC_ISSUER: issuer.url, PARLEY_OIDC_AUDIENCE: audience },
    accessToken: await signedBy(key, claimsOf(issuer.url, 'honest')),
    inputs: async (server) => new Tokens(server, issuer.url, key, token),
    [Symbol.asyncDispose]: () => issuer[Symbol.asyncDispose](),
  };
}
