import type { handleUnaryCall } from '@grpc/grpc-js';
import { Refused } from '../domain/errors/catalogue.ts';
import type { ErrorMapping } from './errors.ts';
import { checkWellFormed } from './tolerant-decoding.ts';

/** A unary call answered by an async function: what it rejects with becomes a status, in one place. */
export function unary<Request, Response>(
  errors: ErrorMapping,
  answer: (request: Request) => Promise<Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    answerTo(call.request, answer).then(
      (response) => callback(null, response),
      (error: unknown) => callback(errors.toServiceError(error)),
    );
  };
}

async function answerTo<Request, Response>(
  request: Request,
  answer: (request: Request) => Promise<Response>,
): Promise<Response> {
  checkWellFormed(request);
  return answer(request);
}

/** A call that the contract has and this release does not answer: UNIMPLEMENTED, with a sentence. */
export function notYet<Request, Response>(errors: ErrorMapping, what: string): handleUnaryCall<Request, Response> {
  return unary(errors, async () => {
    throw new Refused('NOT_IMPLEMENTED', `This release does not offer ${what} yet.`);
  });
}
