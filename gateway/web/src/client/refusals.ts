import type { Refusal } from './app.ts';

interface Words {
  /** What happened, one sentence. */
  readonly title: string;
  /** What to do, one sentence. */
  readonly advice: string;
}

/** Every reason of the catalogue (docs/errors.md), in words for the one who is at the page. */
const ofCatalogue = {
  TOO_MANY_CLIENTS: {
    title: 'Every place is taken at the moment.',
    advice: 'You stay in line; nothing needs to be done.',
  },
  TOO_MANY_SESSIONS: {
    title: 'Too many people are connected from your network.',
    advice: 'You are connected as soon as one of them leaves; nothing needs to be done.',
  },
  ALREADY_CONNECTED: {
    title: 'You are already connected somewhere else.',
    advice: 'Close the conversation there, then connect here.',
  },
  TIME_ZONE_REFUSED: {
    title: 'This service is not offered in your time zone.',
    advice: 'Check the time zone of this device, or ask whoever runs the service.',
  },
  FIRST_MESSAGE_TIMEOUT: {
    title: 'Your place was given up, because nothing was said for a while.',
    advice: 'Just write: that connects you again.',
  },
  STALE: { title: 'The connection was silent for too long.', advice: 'It comes back by itself.' },
  SESSION_TAKEN_OVER: {
    title: 'Your conversation goes on in another place.',
    advice: 'Take it back here, or go on there.',
  },
  SLOW_CONSUMER: {
    title: 'Your connection is too slow for what is sent.',
    advice: 'It comes back by itself; nothing is lost.',
  },
  DISCONNECTED: { title: 'An operator ended your session.', advice: 'Ask whoever runs the service.' },
  DRAINING: { title: 'The server is restarting.', advice: 'The connection comes back by itself.' },
  STARTING: { title: 'The server is starting.', advice: 'The connection comes back by itself.' },
  LOG_UNAVAILABLE: {
    title: 'The server cannot take messages at the moment.',
    advice: 'What you wrote is kept and sent again by itself.',
  },
  HISTORY_BEHIND: { title: 'The history is not up to date yet.', advice: 'Try again in a moment.' },
  HELLO_EXPECTED: { title: 'The server did not understand this page.', advice: 'Reload the page.' },
  FRAME_INVALID: { title: 'The server did not understand this page.', advice: 'Reload the page.' },
  CLIENT_ID_INVALID: {
    title: 'The server does not take the name under which this page connects.',
    advice: 'Reload the page.',
  },
  CONVERSATION_ID_INVALID: {
    title: 'There is no such conversation.',
    advice: 'Choose one from the list, or begin a new one.',
  },
  PAGE_TOKEN_INVALID: { title: 'The list has changed meanwhile.', advice: 'Reload the page.' },
  NOT_YOURS: { title: 'That belongs to somebody else.', advice: 'Choose something of your own.' },
  NOT_FOUND: { title: 'That is not there any more.', advice: 'Choose something else, or begin a new conversation.' },
  SESSION_NOT_FOUND: { title: 'The connection was lost.', advice: 'It comes back by itself.' },
  UNAUTHENTICATED: { title: 'You are signed out.', advice: 'Sign in again.' },
  OPERATOR_REQUIRED: {
    title: 'Only operators may see this.',
    advice: 'Sign in with an operator’s account.',
  },
  ACCOUNTS_OFF: {
    title: 'This server keeps no accounts.',
    advice: 'Ask whoever runs it how to sign in.',
  },
  SIGN_UP_CLOSED: {
    title: 'New accounts cannot be made here.',
    advice: 'Ask whoever runs the service for an account.',
  },
  USER_NAME_INVALID: {
    title: 'That cannot be a user name.',
    advice: 'Use 3 to 64 letters, digits, dots, underscores and hyphens.',
  },
  USER_NAME_TAKEN: { title: 'Somebody has this user name already.', advice: 'Choose another one.' },
  PASSWORD_INVALID: {
    title: 'That password is too short, too long, or too common.',
    advice: 'Use 8 to 256 characters that nobody would guess.',
  },
  PASSWORD_WRONG: { title: 'The current password is wrong.', advice: 'Check it and try again.' },
  SIGN_IN_FAILED: { title: 'The user name or the password is wrong.', advice: 'Check both and try again.' },
  TOO_MANY_ATTEMPTS: {
    title: 'There were too many attempts.',
    advice: 'Wait a little, then try again.',
  },
  TOO_MANY_SIGN_UPS: {
    title: 'Too many accounts are being made.',
    advice: 'Wait a little, then try again.',
  },
  TOO_MANY_WRITES: {
    title: 'You do too much at once.',
    advice: 'Wait a little, then try again.',
  },
  REFRESH_TOKEN_INVALID: { title: 'Your sign-in has ended.', advice: 'Sign in again.' },
  AUTHENTICATION_UNAVAILABLE: {
    title: 'Nobody can be signed in at the moment.',
    advice: 'Try again in a moment.',
  },
  TITLE_INVALID: { title: 'That cannot be a title.', advice: 'Use 1 to 200 characters.' },
  QUERY_INVALID: { title: 'That cannot be searched for.', advice: 'Use 1 to 20 words.' },
  MEDIA_UNAVAILABLE: {
    title: 'Files cannot be stored or fetched at the moment.',
    advice: 'Try again in a moment.',
  },
  MEDIA_STORE_FULL: {
    title: 'The server has no room for files at the moment.',
    advice: 'Send text, or wait; it is tried again by itself.',
  },
  MEDIA_URL_INVALID: { title: 'The link to this file has expired.', advice: 'Reload the page.' },
  NOT_REPLAYABLE: { title: 'This cannot be done again.', advice: 'Leave it as it is.' },
  STILL_UNDECODABLE: {
    title: 'This release of the server cannot read that record.',
    advice: 'Try again after an upgrade.',
  },
  NOT_IMPLEMENTED: { title: 'This server cannot do that.', advice: 'Ask whoever runs it for an upgrade.' },
  INTERNAL: {
    title: 'Something went wrong at the server.',
    advice: 'Try again; if it stays so, tell whoever runs the service.',
  },
  EMPTY_MESSAGE: { title: 'There is nothing in this message.', advice: 'Write something.' },
  TEXT_TOO_LONG: { title: 'This message is too long.', advice: 'Send it in parts.' },
  INSTRUCTIONS_TOO_LONG: {
    title: 'Your instructions are too long.',
    advice: 'They may have some 4,000 letters; shorten them in the settings.',
  },
  MEDIA_TOO_LARGE: { title: 'This file is too large.', advice: 'Send a smaller one.' },
  MEDIA_TYPE_UNSUPPORTED: {
    title: 'Files of this type are not taken.',
    advice: 'Send a picture (JPEG, PNG, WebP, GIF), a video (MP4, WebM) or sound (MP3, WAV, OGG, WebM, M4A).',
  },
  FILE_NAME_INVALID: { title: 'The name of this file is not taken.', advice: 'Give the file a shorter, plain name.' },
  MEDIA_MISMATCH: {
    title: 'This file is not what its name says.',
    advice: 'Check the file, or send another one.',
  },
  MEDIA_NOT_FOUND: { title: 'The server no longer has this file.', advice: 'Send it again.' },
  MEDIA_QUOTA_EXCEEDED: {
    title: 'Your files take all the room that they may.',
    advice: 'Delete conversations that have files, then send it again.',
  },
  HISTORY_QUOTA_EXCEEDED: {
    title: 'Your conversations take all the room that they may.',
    advice: 'Delete some of them, then send it again.',
  },
  CLIENT_MESSAGE_ID_INVALID: { title: 'The server did not understand this page.', advice: 'Reload the page.' },
  TOO_MANY_PENDING: {
    title: 'Too many of your messages wait for an answer.',
    advice: 'This one is sent by itself once one is answered.',
  },
  BUDGET_EXHAUSTED: {
    title: 'Your budget is used up.',
    advice: 'Send it again when it begins anew, or ask an operator.',
  },
  TOO_MANY_MESSAGES: {
    title: 'You have sent too many messages within a minute.',
    advice: 'This one is sent by itself in a moment.',
  },
  PROVIDER_FAILED: { title: 'The assistant could not answer.', advice: 'Send the message again.' },
  PROVIDER_BUSY: {
    title: 'The assistant takes no more messages for now.',
    advice: 'Try again in some minutes. If it stays so, tell whoever runs this server.',
  },
  PROVIDER_REFUSED: {
    title: 'The assistant does not take this message.',
    advice:
      'Send a shorter one, or one without files, in a new conversation. If that fails, tell whoever runs this server.',
  },
  PROVIDER_ACCESS_DENIED: {
    title: 'This server may not use the assistant.',
    advice: 'Tell whoever runs this server: its key is refused.',
  },
  PROVIDER_MODEL_NOT_FOUND: {
    title: 'The assistant is not installed.',
    advice: 'Tell whoever runs this server: the model it is to use is not there.',
  },
  PROVIDER_TIMEOUT: { title: 'The assistant did not answer in time.', advice: 'Send the message again.' },
  POISON: { title: 'The assistant cannot answer this message.', advice: 'Write it in another way.' },
  STOPPED: { title: 'You stopped this before there was an answer.', advice: 'Nothing needs to be done.' },
} as const satisfies Readonly<Record<string, Words>>;

/** What can go wrong before the server is asked. */
const ofThisPage = {
  NETWORK: { title: 'The server cannot be reached.', advice: 'Check your network; it is tried again by itself.' },
  INSECURE_PAGE: {
    title: 'This page was not opened over a secure connection.',
    advice: 'Open it by https, or on the machine on which the server runs.',
  },
  ATTACHMENTS_LOST: {
    title: 'The files of this message were lost when the page was closed.',
    advice: 'Send the words alone, or discard the message and attach the files again.',
  },
  TOO_MANY_PARTS: { title: 'A message can hold 15 files.', advice: 'Send the rest in another message.' },
  CONVERSATION_DELETED: {
    title: 'This conversation was deleted.',
    advice: 'Here is a new one; the others are in the list.',
  },
  STORAGE_FULL: { title: 'This browser has no room left for this page.', advice: 'Make room, then try again.' },
  ISSUER_FAILED: { title: 'Signing in did not work.', advice: 'Try again, or ask whoever runs the service.' },
  ISSUER_UNREACHABLE: { title: 'The sign-in service cannot be reached.', advice: 'Try again in a moment.' },
} as const satisfies Readonly<Record<string, Words>>;

const words: Readonly<Record<string, Words>> = { ...ofCatalogue, ...ofThisPage };

/** A reason that this page may give by itself. */
export type PageReason = keyof typeof ofCatalogue | keyof typeof ofThisPage;

/** Reasons whose text from the server may say more than the table can (an operator's words, the id of an incident), and what it says otherwise. */
const telling: ReadonlyMap<string, string> = new Map([
  ['DISCONNECTED', 'An operator ended the session.'],
  ['INTERNAL', "A server error. Its cause is in the server's log, under the given id."],
  ['NOT_REPLAYABLE', 'It was not given up, or a replay would have no use.'],
]);

/** Reasons that the table has words for. */
export function reasonsWithWords(): readonly string[] {
  return Object.keys(words);
}

/** The words for a reason. `told` is the server's own text: beside them for a few reasons, and where a later release gives a reason unknown here. */
export function refusal(reason: string, retryable = false, told = ''): Refusal {
  const known = words[reason];
  if (known === undefined) {
    return { reason, title: 'The server refused that.', advice: told || 'Reload the page.', retryable };
  }
  const { title, advice } = known;
  const usual = telling.get(reason);
  const saysMore = usual !== undefined && told !== '' && told !== usual;
  return { reason, title: saysMore ? `${title.slice(0, -1)}: ${told}` : title, advice, retryable };
}
