import { errors, type JWTPayload, jwtVerify } from 'jose';
import { Refused } from '../../domain/errors/catalogue.ts';
import { maxIdLength } from '../../domain/limits.ts';
import { AuthenticationUnavailable, type Authenticator } from '../../ports/authenticator.ts';
import type { Clock } from '../../ports/clock.ts';
import { Issuer, unavailable } from './issuer.ts';
import { algorithms, maxTimeMs } from './limits.ts';

export interface OidcAuthenticatorOptions {
  /** URL without a slash at its end; https, or http on this machine. */
  readonly issuer: string;
  /** What `aud` must name. */
  readonly audience: string;
  /** The claim that is the client id. */
  readonly clientIdClaim: string;
  /** The claim, and the value in it, that make an operator. */
  readonly operatorClaim: string;
  readonly operatorValue: string;
  /** The claim that is the group of the client; '': none is. */
  readonly groupClaim: string;
  /** By how much the issuer's clock and this one may differ. */
  readonly clockToleranceMs: number;
  readonly clock: Clock;
}

const secondMs = 1_000;

/** Types of tokens that are for calling somebody; others, such as logout tokens, may carry all the same claims. */
const tokenTypes: ReadonlySet<string> = new Set(['jwt', 'at+jwt', 'application/at+jwt']);

/**
 * Tokens of an OpenID Connect issuer, whose keys are found by discovery. The issuer need not answer at the start. Throws
 * OidcIssuerInsecure.
 */
export function oidcAuthenticator(options: OidcAuthenticatorOptions): Authenticator {
  const { audience, clock, clockToleranceMs } = options;
  const issuer = new Issuer(options.issuer, clock);
  return {
    async authenticate(accessToken) {
      const known = await issuer.discovered();
      const verified = await jwtVerify(accessToken, known.keys, {
        issuer: known.issuer,
        audience,
        algorithms: [...algorithms],
        requiredClaims: ['exp'],
        clockTolerance: clockToleranceMs / secondMs,
        currentDate: new Date(clock.nowMs()),
      }).catch((error: unknown) => {
        throw told(error);
      });
      checkType(verified.protectedHeader.typ);
      return identityOf(verified.payload, options);
    },
  };
}

function checkType(type: unknown): void {
  if (type === undefined || (typeof type === 'string' && tokenTypes.has(type.toLowerCase()))) return;
  throw new Refused('UNAUTHENTICATED', 'the token is not an access token');
}

function identityOf(payload: JWTPayload, options: OidcAuthenticatorOptions) {
  return {
    clientId: clientIdOf(payload, options.clientIdClaim),
    isOperator: claimHolds(payload, options.operatorClaim, options.operatorValue),
    group: options.groupClaim === '' ? undefined : groupOf(payload, options.groupClaim),
    // As long as calls are accepted: a stream that is opened with the token must not end at once.
    expireTimeMs: Math.min((payload.exp ?? 0) * secondMs + options.clockToleranceMs, maxTimeMs),
  };
}

function told(error: unknown): unknown {
  if (error instanceof errors.JWTExpired) return new Refused('UNAUTHENTICATED', 'the access token has expired');
  if (error instanceof errors.JWTClaimValidationFailed)
    return new Refused('UNAUTHENTICATED', `the claim ${error.claim} of the access token is not what it must be`);
  if (error instanceof errors.JOSEError) return new Refused('UNAUTHENTICATED', 'the access token is not valid');
  if (error instanceof AuthenticationUnavailable) return error;
  // What a token does wrong, jose has names for; what is left is a key that cannot be used, such as one that is too short.
  return unavailable('the key that the access token names', error);
}

/** What client ids are elsewhere: printable, bounded. */
const clientIdForm = /^[^\p{Cc}\p{Cs}]+$/u;

/** The claim of this name; where there is none, a dot leads into an object: Keycloak's roles are `realm_access.roles`. */
export function claimOf(payload: JWTPayload, name: string): unknown {
  if (Object.hasOwn(payload, name)) return payload[name];
  let value: unknown = payload;
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[part];
  }
  return value;
}

/** The client id that the claim gives. Throws UNAUTHENTICATED when it is not one. */
function clientIdOf(payload: JWTPayload, name: string): string {
  const id = claimOf(payload, name);
  if (typeof id === 'string' && id.length <= maxIdLength && clientIdForm.test(id)) return id;
  throw new Refused(
    'UNAUTHENTICATED',
    `the claim ${name} of the access token is not a client id: 1 to ${maxIdLength} printable characters`,
  );
}

/** The group that the claim names, of a list the first; undefined: none. Throws UNAUTHENTICATED where it is not a name: budgets would count nothing. */
function groupOf(payload: JWTPayload, name: string): string | undefined {
  const claim = claimOf(payload, name);
  const group: unknown = Array.isArray(claim) ? claim[0] : claim;
  if (group === undefined || group === null || group === '') return undefined;
  if (typeof group === 'string' && group.length <= maxIdLength && clientIdForm.test(group)) return group;
  throw new Refused(
    'UNAUTHENTICATED',
    `the claim ${name} of the access token is not a group: 1 to ${maxIdLength} printable characters`,
  );
}

/** Whether the claim is, or holds, the value: as a whole, as a word among others, or in a list. */
export function claimHolds(payload: JWTPayload, name: string, value: string): boolean {
  const claim = claimOf(payload, name);
  if (typeof claim === 'string') return claim === value || claim.split(' ').includes(value);
  return Array.isArray(claim) && claim.includes(value);
}
