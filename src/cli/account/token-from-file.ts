import { readFileSync } from 'node:fs';
import type { AccessToken, AccessTokens } from '../../client/access-tokens.ts';
import { systemWords, Trouble } from '../trouble.ts';

/** So long before a token expires the file is read again for the next one. */
const RENEW_BEFORE_EXPIRY_MS = 30_000;

/** An access token that another program, such as the command line of an identity provider, keeps in a file. */
export class TokenFromFile implements AccessTokens {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws Trouble when the file cannot be read, or holds no token */
  async fresh(): Promise<AccessToken> {
    const text = this.#read();
    if (!/^[\w.~+/=-]+$/.test(text)) throw new Trouble(`${this.#path} does not hold an access token.`);
    const expiresAtMs = expiryOf(text);
    return { text, renewAtMs: expiresAtMs && expiresAtMs - RENEW_BEFORE_EXPIRY_MS };
  }

  #read(): string {
    try {
      return readFileSync(this.#path, 'utf8').trim();
    } catch (error) {
      throw new Trouble(`The token in ${this.#path} cannot be read: ${systemWords(error)}.`);
    }
  }
}

/** When a JWT expires, by its own word; the server is the one to check that. Other tokens say nothing. */
function expiryOf(token: string): number | undefined {
  const [, payload = ''] = token.split('.');
  try {
    const { exp } = Object(JSON.parse(Buffer.from(payload, 'base64url').toString()));
    return typeof exp === 'number' ? exp * 1_000 : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
