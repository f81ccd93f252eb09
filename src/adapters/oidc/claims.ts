import type { JWTPayload } from 'jose';
import { Refused } from '../../domain/errors/catalogue.ts';
import { maxIdLength } from '../../domain/limits.ts';

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
export function clientIdOf(payload: JWTPayload, name: string): string {
  const id = claimOf(payload, name);
  if (typeof id === 'string' && id.length <= maxIdLength && clientIdForm.test(id)) return id;
  throw new Refused(
    'UNAUTHENTICATED',
    `the claim ${name} of the access token is not a client id: 1 to ${maxIdLength} printable characters`,
  );
}

/** Whether the claim is, or holds, the value: as a whole, as a word among others, or in a list. */
export function claimHolds(payload: JWTPayload, name: string, value: string): boolean {
  const claim = claimOf(payload, name);
  if (typeof claim === 'string') return claim === value || claim.split(' ').includes(value);
  return Array.isArray(claim) && claim.includes(value);
}
