import { invalidField, Refused } from '../domain/errors/catalogue.ts';
import { maxIdLength } from '../domain/limits.ts';
import type { Identity } from '../ports/authenticator.ts';
import { isChosenId } from './gateway/hello.ts';

/** Where a call comes from, as far as that is known. */
export interface CallOrigin {
  /** To be shown: an IPv4 address, or the IPv6 network (/64) of an address. */
  readonly address?: string | undefined;
  /** The same, where calls are counted by it; undefined where many clients may have it, as behind a proxy that nobody named. */
  readonly clientAddress?: string | undefined;
}

/** The caller; without authentication the client id is not verified. */
export type Caller = ({ readonly kind: 'anybody' } | ({ readonly kind: 'client' } & Identity)) & CallOrigin;

export const anybody: Caller = { kind: 'anybody' };

/**
 * The client id to act for: the caller's own, or with authentication off the one that the request names. Throws NOT_YOURS when the
 * request names another than the caller's, CLIENT_ID_INVALID when there is none.
 */
export function actingClient(caller: Caller, namedClientId: string): string {
  if (caller.kind === 'client') {
    if (namedClientId !== '' && namedClientId !== caller.clientId)
      throw new Refused('NOT_YOURS', 'client_id is not the one of the access token');
    return caller.clientId;
  }
  if (isChosenId(namedClientId)) return namedClientId;
  throw new Refused('CLIENT_ID_INVALID', undefined, {
    violations: [
      {
        field: 'client_id',
        description: `whose; 1 to ${maxIdLength} printable characters, needed where authentication is off`,
      },
    ],
  });
}

/** Throws FRAME_INVALID unless a group may have this name. */
export function checkGroup(group: string): void {
  if (!isChosenId(group)) throw invalidField('group', `1 to ${maxIdLength} printable characters`);
}

/** Throws NOT_YOURS unless what belongs to this client is the caller's to use. */
export function checkOwner(caller: Caller, ownerId: string): void {
  if (caller.kind === 'client' && caller.clientId !== ownerId) throw new Refused('NOT_YOURS');
}

/** Throws OPERATOR_REQUIRED unless the caller runs the system. */
export function requireOperator(caller: Caller): void {
  if (caller.kind === 'client' && !caller.isOperator) throw new Refused('OPERATOR_REQUIRED');
}
