import type { handleUnaryCall, Metadata, ServerUnaryCall } from '@grpc/grpc-js';
import { anybody, type Caller } from '../app/caller.ts';
import { addressPenaltyMs } from '../domain/connection-limits.ts';
import { Refused } from '../domain/errors/catalogue.ts';
import type { Authenticator, Identity } from '../ports/authenticator.ts';
import { cutFor, type ErrorMapping } from './errors.ts';
import type { AddressedCall, CallAddresses } from './peer-address.ts';
import type { RefusedCallers } from './refused-callers.ts';
import { checkWellFormed } from './tolerant-decoding.ts';
import type { Proof } from './unfinished-requests.ts';

/** Context of every call: error mapping, authentication, and source address. */
export interface Calls {
  readonly errors: ErrorMapping;
  /** undefined: authentication is off. */
  readonly authenticator: Authenticator | undefined;
  readonly addresses: Pick<CallAddresses, 'originOf'>;
  readonly refusedCallers: RefusedCallers;
}

const bearer = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i;

/** The access token of the call's `authorization`, undefined when there is none. Throws UNAUTHENTICATED for one of another scheme. */
export function accessTokenOf(metadata: AddressedCall['metadata']): string | undefined {
  const [authorization, ...others] = metadata.get('authorization');
  if (authorization === undefined) return undefined;
  const token = bearer.exec(String(authorization))?.[1];
  if (token === undefined || others.length > 0)
    throw new Refused('UNAUTHENTICATED', 'authorization must be one "Bearer " and the access token');
  return token;
}

/** Who makes this call, where nobody need prove it. */
export function anybodyAt({ addresses }: Calls, call: AddressedCall): Caller {
  return { ...anybody, ...addresses.originOf(call) };
}

/** Who makes this call. Rejects with Refused UNAUTHENTICATED or TOO_MANY_ATTEMPTS, or with AuthenticationUnavailable. */
export async function callerOf(calls: Calls, call: AddressedCall): Promise<Caller> {
  const { authenticator, addresses, refusedCallers } = calls;
  if (authenticator === undefined) return anybodyAt(calls, call);
  const identity = await identityOf(authenticator, call.metadata);
  refusedCallers.admit(identity.clientId, call);
  return { kind: 'client', ...identity, ...addresses.originOf(call) };
}

async function identityOf(authenticator: Authenticator, metadata: AddressedCall['metadata']): Promise<Identity> {
  const token = accessTokenOf(metadata);
  if (token === undefined) throw new Refused('UNAUTHENTICATED', 'the call carries no access token');
  return authenticator.authenticate(token);
}

/**
 * How the caller of a request that goes on for long proves who they are; undefined: authentication is off. `refusalOf`: what the request of whoever does not is
 * refused with.
 */
export function proofOf(
  { authenticator, errors }: Calls,
  refusalOf: (error: unknown) => unknown = (error) => error,
): Proof | undefined {
  return (
    authenticator &&
    (async (authorization) => {
      try {
        await identityOf(authenticator, { get: () => (authorization === undefined ? [] : [authorization]) });
        return undefined;
      } catch (error) {
        return cutFor(errors, refusalOf(error));
      }
    })
  );
}

/** The same of calls for an address that is out. */
export function proofOfOutcasts(calls: Calls): Proof | undefined {
  const why = 'too many calls from this address were refused';
  return proofOf(calls, () => new Refused('TOO_MANY_ATTEMPTS', why, { retryDelayMs: addressPenaltyMs }));
}

/** A unary call answered by an async function: what it rejects with becomes a status, in one place. */
export function unary<Request, Response>(
  calls: Calls,
  answer: (request: Request, caller: Caller, metadata: Metadata) => Promise<Response>,
): handleUnaryCall<Request, Response> {
  return unauthenticated(calls, async (request, call) => answer(request, await callerOf(calls, call), call.metadata));
}

/** The same for a call that anybody may make: those that sign in. */
export function unauthenticated<Request, Response>(
  { errors }: Calls,
  answer: (request: Request, call: ServerUnaryCall<Request, Response>) => Promise<Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    answerTo(call, answer).then(
      (response) => callback(null, response),
      (error: unknown) => callback(errors.toServiceError(error)),
    );
  };
}

async function answerTo<Request, Response>(
  call: ServerUnaryCall<Request, Response>,
  answer: (request: Request, call: ServerUnaryCall<Request, Response>) => Promise<Response>,
): Promise<Response> {
  checkWellFormed(call.request);
  return answer(call.request, call);
}
