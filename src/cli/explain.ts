import { status } from '@grpc/grpc-js';
import { MessageRefused } from './outbox.ts';
import { Refusal } from './refusal.ts';
import { printableLine } from './text.ts';

/** What the user can do about it, where the server's own words do not already say. */
const REMEDIES: Readonly<Record<string, string>> = {
  TOO_MANY_CLIENTS: 'try again later, or stand in line longer with --wait',
  ALREADY_CONNECTED: 'close the other chat, or use another name with --client',
  TIME_ZONE_REFUSED: 'choose another zone with --time-zone',
  FIRST_MESSAGE_TIMEOUT: 'connect again when there is something to say',
  SESSION_TAKEN_OVER: 'nothing, if that was you; otherwise start again',
  DISCONNECTED: 'ask the operator',
  CLIENT_ID_INVALID: 'choose another name with --client',
  CONVERSATION_ID_INVALID: '`parley history` lists your conversations',
  NOT_YOURS: '`parley history` lists your conversations',
  NOT_FOUND: 'check the id',
  UNAUTHENTICATED: 'sign in',
  NOT_IMPLEMENTED: 'use a later release of the server',
  INTERNAL: 'report it with the id told',
  TEXT_TOO_LONG: 'split the message',
  TOO_MANY_PENDING: 'wait for a reply first',
  PROVIDER_FAILED: 'say it again',
  PROVIDER_TIMEOUT: 'say it again',
  POISON: 'put it in other words',
};

/**
 * One line on an error that the user can understand: reason, detail, what to do. Other errors are defects and are
 * thrown again.
 */
export function explain(error: unknown, address: string): string {
  if (error instanceof MessageRefused) return line(error.reason, error.message, REMEDIES[error.reason]);
  if (!(error instanceof Refusal)) throw error;
  if (error.reason !== '') return line(error.reason, detailOf(error), REMEDIES[error.reason]);
  if (error.code === status.UNAVAILABLE)
    return `No server answers at ${address}. Start one with \`npm start\`, or name another with --address.`;
  if (error.code === status.DEADLINE_EXCEEDED) return `The server at ${address} does not answer in time.`;
  return line(
    error.codeName,
    error.message,
    error.code === status.UNIMPLEMENTED ? 'use a later release of the server' : undefined,
  );
}

/** In a few words, for a status line. */
export function briefly(refusal: Refusal | undefined): string {
  if (refusal === undefined) return 'the server ended the session';
  if (refusal.reason !== '') return refusal.reason;
  return refusal.code === status.UNAVAILABLE ? 'no connection' : refusal.codeName;
}

function detailOf({ message, violations }: Refusal): string {
  const fields = violations.map(({ field, description }) => `${field}: ${description}`);
  return [message, ...fields].filter((part) => part !== '').join(' ');
}

function line(reason: string, detail: string, remedy: string | undefined): string {
  const told = `${reason}: ${printableLine(detail)}`;
  return remedy === undefined ? told : `${told.replace(/\.$/, '')} — ${remedy}.`;
}
