import { Metadata } from '@grpc/grpc-js';
import { ended, framed, post } from '../../../gateway/door/testing/browser.ts';
import { SignInRequest } from '../../gen/chat/v1/account_service.ts';
import { call, clientOf, hangUp } from '../contract.ts';

/** A guess at a password, with what the client says of its way in x-forwarded-for. Resolves to the gRPC code that refuses it, as text. */
export type Guess = (userName: string, forwarded?: string) => Promise<string>;

/** More than twice what one address may get wrong before it has to wait. */
const guesses = 40;
const resourceExhausted = 'RESOURCE_EXHAUSTED';
const codeNames: Readonly<Record<number, string>> = { 8: resourceExhausted, 16: 'UNAUTHENTICATED' };

/** By gRPC. */
export function grpcGuess(address: string): Guess {
  return async (userName, forwarded) => {
    const client = clientOf('chat.v1.AccountService', address);
    const metadata = new Metadata();
    if (forwarded !== undefined) metadata.set('x-forwarded-for', forwarded);
    const credentials = { userName, password: 'wrong horse' };
    return call(client, 'SignIn', credentials, undefined, metadata)
      .then(() => 'OK')
      .catch(({ code }: { readonly code: string }) => code)
      .finally(() => hangUp(client));
  };
}

/** By gRPC-Web, at this origin. */
export function webGuess(origin: string): Guess {
  return async (userName, forwarded) => {
    const body = framed(SignInRequest.encode({ userName, password: 'wrong horse' }).finish());
    const headers: Record<string, string> = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
    const response = await post(`${origin}/chat.v1.AccountService/SignIn`, body, { headers });
    const { code } = await ended(response);
    // Envoy says in the head what has no message.
    const told = Number(response.headers.get('grpc-status') ?? code);
    return codeNames[told] ?? String(told);
  };
}

/** Guesses 40 times, each at another name and with another forged address before what `way` adds; how many of them had to wait. */
export async function delayedGuesses(guess: Guess, way: readonly string[] = []): Promise<number> {
  let delayed = 0;
  // One after another: a guess is counted when it has failed.
  for (let at = 0; at < guesses; at += 1) {
    const forwarded = [`198.51.100.${at}`, ...way].join(', ');
    if ((await guess(`nobody-${at}`, forwarded)) === resourceExhausted) delayed += 1;
  }
  return delayed;
}
