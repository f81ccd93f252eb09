import type { Ids } from '../../ports/ids.ts';

/**
 * A refresh token, of which only the secret's hash is stored:
 *
 *     <family id>.<secret, 256 bits>
 */
const form = /^([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{43,64})$/;

/** A token and what is stored of it. */
export interface NewRefreshToken {
  /** Secret. */
  readonly refreshToken: string;
  readonly familyId: string;
  readonly tokenHash: string;
}

/** The next token of a family. */
export function newRefreshToken(ids: Ids, familyId: string): NewRefreshToken {
  const secret = ids.token();
  return { refreshToken: `${familyId}.${secret}`, familyId, tokenHash: ids.hash(secret) };
}

/** What a token names; undefined when it is none. */
export function parseRefreshToken(
  ids: Ids,
  token: string,
): { readonly familyId: string; readonly tokenHash: string } | undefined {
  const [, familyId, secret] = form.exec(token) ?? [];
  return familyId === undefined || secret === undefined ? undefined : { familyId, tokenHash: ids.hash(secret) };
}
