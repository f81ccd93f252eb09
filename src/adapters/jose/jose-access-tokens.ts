import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify, SignJWT } from 'jose';
import { Refused } from '../../domain/errors/catalogue.ts';
import type { AccessTokens } from '../../ports/access-tokens.ts';
import { AccountStoreUnavailable } from '../../ports/account-store.ts';
import { AuthenticationUnavailable, type Identity } from '../../ports/authenticator.ts';
import { KeyRing, type KeyRingOptions } from './key-ring.ts';
import { algorithm, clockToleranceMs } from './limits.ts';

export interface JoseAccessTokensOptions extends KeyRingOptions {
  /** Of the deployment: tokens of another one are refused even where the store was copied. */
  readonly prefix: string;
}

const secondMs = 1_000;

/** RFC 9068's type of access tokens: no other token of ours could be taken for one. */
const tokenType = 'at+jwt';

/** A key id as this adapter makes them, a SHA-256 thumbprint: others need not be looked for. */
const kidForm = /^[A-Za-z0-9_-]{43}$/;

/** Access tokens as JWTs, signed by keys that the store holds: `sub` is the client id, `role` client or operator. */
export function joseAccessTokens(options: JoseAccessTokensOptions): AccessTokens {
  const { clock, prefix, tokenLifetimeMs } = options;
  const ring = new KeyRing(options);
  const parties = { issuer: `${prefix}.accounts`, audience: prefix };
  const keyOf: JWTVerifyGetKey = async ({ kid }) => {
    // A header is what its sender wrote: its kid may be of any type.
    const key = typeof kid === 'string' && kidForm.test(kid) ? await ring.verifier(kid) : undefined;
    if (key === undefined) throw new errors.JWKSNoMatchingKey();
    return key;
  };
  return {
    async issue({ clientId, isOperator }) {
      const { kid, key } = await ring.signer();
      const nowSeconds = Math.floor(clock.nowMs() / secondMs);
      const lifetimeSeconds = Math.floor(tokenLifetimeMs / secondMs);
      const accessToken = await new SignJWT({ role: isOperator ? 'operator' : 'client' })
        .setProtectedHeader({ alg: algorithm, kid, typ: tokenType })
        .setIssuer(parties.issuer)
        .setAudience(parties.audience)
        .setSubject(clientId)
        .setIssuedAt(nowSeconds)
        .setExpirationTime(nowSeconds + lifetimeSeconds)
        .sign(key);
      return { accessToken, lifetimeMs: lifetimeSeconds * secondMs };
    },
    async authenticate(accessToken) {
      try {
        const { payload } = await jwtVerify(accessToken, keyOf, {
          ...parties,
          algorithms: [algorithm],
          typ: tokenType,
          requiredClaims: ['sub', 'exp', 'role'],
          clockTolerance: clockToleranceMs / secondMs,
          currentDate: new Date(clock.nowMs()),
        });
        return identityOf(payload);
      } catch (error) {
        throw told(error);
      }
    },
  };
}

function identityOf({ sub = '', exp = 0, role }: JWTPayload): Identity {
  return { clientId: sub, isOperator: role === 'operator', expireTimeMs: exp * secondMs };
}

function told(error: unknown): unknown {
  if (error instanceof errors.JWTExpired) return new Refused('UNAUTHENTICATED', 'the access token has expired');
  if (error instanceof errors.JOSEError) return new Refused('UNAUTHENTICATED', 'the access token is not valid');
  if (error instanceof AccountStoreUnavailable) return new AuthenticationUnavailable(error.message, { cause: error });
  return error;
}
