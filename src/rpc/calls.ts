import type { Metadata } from '@grpc/grpc-js';
import type { Caller } from '../app/caller.ts';
import { Refused } from '../domain/errors/catalogue.ts';
import type { Authenticator } from '../ports/authenticator.ts';
import type { ErrorMapping } from './errors.ts';
import type { AddressedCall, CallAddresses } from './peer-address.ts';

/** What every call needs: how its errors are told, and who says who makes it. */
export interface Calls {
  readonly errors: ErrorMapping;
  /** undefined: authentication is off. */
  readonly authenticator: Authenticator | undefined;
  /** Where calls come from. */
  readonly addresses: CallAddresses;
}

const bearer = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i;

/** The access token of the call's `authorization`, undefined when there is none. Throws UNAUTHENTICATED for one of another scheme. */
export function accessTokenOf(metadata: Metadata): string | undefined {
  const [authorization, ...others] = metadata.get('authorization');
  if (authorization === undefined) return undefined;
  const token = bearer.exec(String(authorization))?.[1];
  if (token === undefined || others.length > 0)
    throw new Refused('UNAUTHENTICATED', 'authorization must be one "Bearer " and the access token');
  return token;
}

/** Who makes a call. Rejects with Refused UNAUTHENTICATED or AuthenticationUnavailable. */
export async function callerOf(calls: Calls, call: AddressedCall): Promise<Caller> {
  const { authenticator } = calls;
  if (authenticator === undefined) return anybodyAt(calls, call);
  const clientAddress = calls.addresses.ofClient(call);
  const token = accessTokenOf(call.metadata);
  if (token === undefined) throw new Refused('UNAUTHENTICATED', 'the call carries no access token');
  return { kind: 'client', ...(await authenticator.authenticate(token)), clientAddress };
}

/** Who makes a call where authentication is off. */
export function anybodyAt({ addresses }: Calls, call: AddressedCall): Caller {
  return { kind: 'anybody', clientAddress: addresses.ofClient(call) };
}
