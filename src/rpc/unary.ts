import type { handleUnaryCall, Metadata, ServerUnaryCall } from '@grpc/grpc-js';
import type { Caller } from '../app/caller.ts';
import { type Calls, callerOf } from './calls.ts';
import { checkWellFormed } from './tolerant-decoding.ts';

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
