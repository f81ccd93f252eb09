import { Code } from '@connectrpc/connect';
import { Refusal } from '../client/refusal.ts';
import { TransferFailed } from '../client/transfer-failed.ts';
import { DEFAULT_ADDRESS } from './common-options.ts';
import { duration } from './show.ts';
import { printableLine } from './text.ts';
import { Trouble } from './trouble.ts';

/** What the user can do about it, where the server's own words do not already say. */
const REMEDIES: Readonly<Record<string, string>> = {
  TOO_MANY_CLIENTS: 'try again later, or stand in line longer with --wait',
  TOO_MANY_SESSIONS: 'try again when another client of this network has left',
  ALREADY_CONNECTED:
    'close the other chat, end it with --take-over when you are signed in, or use another name with --client',
  TIME_ZONE_REFUSED: 'choose another zone with --time-zone',
  FIRST_MESSAGE_TIMEOUT: 'connect again when there is something to say',
  SESSION_TAKEN_OVER: 'start again to take it back',
  DISCONNECTED: 'ask the operator',
  CLIENT_ID_INVALID: 'choose another name with --client',
  CONVERSATION_ID_INVALID: '`parley history` lists your conversations',
  NOT_YOURS: '`parley history`, without --client, lists your conversations',
  NOT_FOUND: 'check the id or the name',
  UNAUTHENTICATED: 'use `parley sign-in NAME`, or `parley sign-up NAME` for a new account, or --token-file',
  REFRESH_TOKEN_INVALID: 'sign in again: parley sign-in NAME',
  SIGN_IN_FAILED: 'try again',
  TOO_MANY_ATTEMPTS: 'wait a while, then try again',
  ACCOUNTS_OFF: 'ask whoever runs the server how to sign in',
  SIGN_UP_CLOSED: 'ask the operator for an account',
  USER_NAME_TAKEN: 'choose another one',
  USER_NAME_INVALID: "use 3 to 64 letters, digits, '.', '_' and '-'",
  PASSWORD_INVALID: 'use 8 to 256 characters',
  OPERATOR_REQUIRED: 'sign in as an operator',
  TITLE_INVALID: 'use 1 to 200 characters',
  QUERY_INVALID: 'search for 1 to 20 words',
  STILL_UNDECODABLE: 'replay it after an upgrade of the server',
  NOT_IMPLEMENTED: 'use a later release of the server',
  INTERNAL: 'report it with the id told',
  INSTRUCTIONS_TOO_LONG: 'shorten them with `parley instructions`',
  TEXT_TOO_LONG: 'split the message',
  MEDIA_TOO_LARGE: 'send a smaller file',
  MEDIA_TYPE_UNSUPPORTED: 'convert the file',
  FILE_NAME_INVALID: 'give the file a shorter, plain name',
  MEDIA_MISMATCH: 'check that the file is what its name says',
  MEDIA_NOT_FOUND: 'send the file again',
  MEDIA_STORE_FULL: 'try again later, or ask the operator for room',
  MEDIA_QUOTA_EXCEEDED: 'delete conversations that have media',
  HISTORY_QUOTA_EXCEEDED: 'delete conversations',
  TOO_MANY_PENDING: 'wait for a reply first',
  BUDGET_EXHAUSTED: '`parley budget` says when it begins anew',
  TOO_MANY_MESSAGES: 'wait a moment, then send it again',
  PROVIDER_FAILED: 'say it again',
  PROVIDER_BUSY: 'try again in some minutes, or ask the operator',
  PROVIDER_REFUSED: 'send a shorter message, or one without files, in a new conversation, or ask the operator',
  PROVIDER_ACCESS_DENIED: 'ask the operator for a key that the model takes',
  PROVIDER_MODEL_NOT_FOUND: 'ask the operator for a model that is there',
  PROVIDER_TIMEOUT: 'say it again',
  POISON: 'put it in other words',
};

/**
 * One line on an error that the user can understand: reason, detail, what to do. Other errors are defects and are
 * thrown again.
 */
export function explain(error: unknown, address: string): string {
  const hasReason = error instanceof Refusal && error.reason !== '';
  return hasReason ? `${error.reason}: ${explainInChat(error, address)}` : explainInChat(error, address);
}

/** The same without the reason, which is for scripts and searches. */
export function explainInChat(error: unknown, address: string): string {
  if (error instanceof Trouble || error instanceof TransferFailed) return printableLine(error.message);
  if (!(error instanceof Refusal)) throw error;
  if (error.reason !== '') return line(detailOf(error), remedyOf(error));
  if (error.code === Code.Unavailable) return unavailable(error.message, address);
  if (error.code === Code.DeadlineExceeded) return `The server at ${address} does not answer in time.`;
  return line(
    `${error.codeName}: ${error.message}`,
    error.code === Code.Unimplemented ? 'use a later release of the server' : undefined,
  );
}

/** Of these the server says what it takes, field by field. */
const TOLD_BY_FIELD: ReadonlySet<string> = new Set([
  'PASSWORD_INVALID',
  'USER_NAME_INVALID',
  'TITLE_INVALID',
  'QUERY_INVALID',
]);

/** None for a reason of a newer release, nor where it has been told. */
function remedyOf({ reason, retryDelayMs, violations }: Refusal): string | undefined {
  if (!Object.hasOwn(REMEDIES, reason) || (violations.length > 0 && TOLD_BY_FIELD.has(reason))) return undefined;
  const delayMs = reason === 'TOO_MANY_ATTEMPTS' ? retryDelayMs : undefined;
  return delayMs === undefined ? REMEDIES[reason] : `try again in ${duration(delayMs)}`;
}

/** What OpenSSL, and servers of the other kind, say. */
const TLS_TROUBLE = /certificate|SSL routines|altnames/i;
/** What HTTP/1 is answered with, read as HTTP/2. */
const NOT_HTTP2 = /^Protocol error/;
/** Somebody took the connection and closed it at the first byte. */
const CLOSED_AT_ONCE = /^http\/2 stream closed|socket disconnected before secure TLS/;

function unavailable(message: string, address: string): string {
  if (TLS_TROUBLE.test(message))
    return `The server at ${address} and you do not agree on TLS: ${tlsCause(message)}. See --tls, --ca, --cert and --key.`;
  if (CLOSED_AT_ONCE.test(message))
    return `Something at ${address} takes connections, but does not answer. If it wants TLS, say --tls, or --ca FILE.`;
  if (NOT_HTTP2.test(message))
    return `What answers at ${address} does not speak gRPC. A server's first line names its gRPC port; without settings it is ${DEFAULT_ADDRESS}.`;
  return `No server answers at ${address}. Start one with \`npm start\`, or name another with --address.`;
}

/** The cause, without what OpenSSL puts around it. */
function tlsCause(message: string): string {
  const [, reason = message] = /:SSL routines:[^:]*:([^:]+):/.exec(message) ?? [];
  return printableLine(reason).trim().replace(/\.$/, '');
}

/** What a chat sits out by itself. */
const BRIEFLY: Readonly<Record<string, string>> = {
  DRAINING: 'the server is restarting',
  STARTING: 'the server is starting',
  LOG_UNAVAILABLE: 'the server takes no messages at the moment',
  AUTHENTICATION_UNAVAILABLE: 'nobody can be signed in at the moment',
  TOO_MANY_CLIENTS: 'every slot is taken',
  TOO_MANY_SESSIONS: 'too many are connected from this network',
  TOO_MANY_WRITES: 'too much was asked in a short time',
  ALREADY_CONNECTED: 'the former session is not over yet',
  STALE: 'the connection was silent for too long',
  SLOW_CONSUMER: 'the connection is too slow',
  TOO_MANY_PENDING: 'too many messages have no reply yet',
  BUDGET_EXHAUSTED: 'the budget is used up',
  TOO_MANY_MESSAGES: 'too much was said in a short time',
  PROVIDER_FAILED: 'the model failed',
  PROVIDER_BUSY: 'the model server was busy',
  PROVIDER_REFUSED: 'the model server refused the request',
  PROVIDER_ACCESS_DENIED: 'the model server refused the API key',
  PROVIDER_MODEL_NOT_FOUND: 'the model server does not have the model',
  PROVIDER_TIMEOUT: 'the model took too long',
  POISON: 'each attempt at it crashed',
};

/** What `briefly` says where no server answers. */
export const noConnection = 'no connection';

/** In a few words, for a status line. */
export function briefly(refusal: Refusal | undefined): string {
  if (refusal === undefined) return 'the server ended the session';
  if (refusal.reason !== '') return brieflyOf(refusal.reason);
  return refusal.code === Code.Unavailable ? noConnection : refusal.codeName;
}

/** A reason in a few words; one of a newer release as it is. */
export function brieflyOf(reason: string): string {
  return Object.hasOwn(BRIEFLY, reason) ? `${BRIEFLY[reason]}` : reason;
}

function detailOf({ message, violations }: Refusal): string {
  const fields = violations.map(({ field, description }) => `${field}: ${description}`);
  // A sentence, whether the server has begun it as one or not; names of fields stay.
  const sentence = message.replace(/^[a-z](?=[a-z]* )/, (first) => first.toUpperCase());
  return [sentence, ...fields].filter((part) => part !== '').join(' ');
}

function line(detail: string, remedy: string | undefined): string {
  const told = printableLine(detail);
  return remedy === undefined ? told : `${told.replace(/\.$/, '')} — ${remedy}.`;
}
