/** gRPC status codes that refusals use, by their standard names. */
export type CodeName =
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'FAILED_PRECONDITION'
  | 'RESOURCE_EXHAUSTED'
  | 'ABORTED'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'UNAUTHENTICATED';

/** One refusal: what it is called, how it travels, and what the client should do. */
export interface Refusal {
  readonly code: CodeName;
  /** Sending the same again later may work. */
  readonly retryable: boolean;
  /** Not before this long, told as RetryInfo; only with `retryable`. */
  readonly retryDelayMs?: number;
  /** `call`: ends the call or stream. `message`: a MessageRejected, the session goes on. */
  readonly scope: 'call' | 'message';
  /** What it means. */
  readonly meaning: string;
  /** What the client should do. */
  readonly remedy: string;
}

/** Every refusal there is. docs/errors.md is written from this table. */
export const catalogue = {
  TOO_MANY_CLIENTS: {
    code: 'RESOURCE_EXHAUSTED',
    retryable: true,
    retryDelayMs: 2_000,
    scope: 'call',
    meaning: 'Every slot is taken, and the client was not willing to wait, waited its time, or the line is full.',
    remedy: 'Connect again after the delay, or with a longer `wait_for_slot`.',
  },
  TOO_MANY_SESSIONS: {
    code: 'RESOURCE_EXHAUSTED',
    retryable: true,
    retryDelayMs: 5_000,
    scope: 'call',
    meaning: 'As many clients as one address may have are connected or in line from this one.',
    remedy:
      'Connect again when one of them has left. If a proxy passes on the calls of many, `PARLEY_TRUSTED_PROXIES` must name it.',
  },
  ALREADY_CONNECTED: {
    code: 'ALREADY_EXISTS',
    retryable: false,
    scope: 'call',
    meaning: 'This client has a session already.',
    remedy:
      'Close the other session, or take it over: with its resume token, or, with an access token and the consent of who is there, by `take_over`.',
  },
  TIME_ZONE_REFUSED: {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    scope: 'call',
    meaning: 'The time zone is not a valid IANA zone, or this server does not serve it.',
    remedy: 'Send the IANA name of the client\'s zone, e.g. "Asia/Tokyo".',
  },
  FIRST_MESSAGE_TIMEOUT: {
    code: 'DEADLINE_EXCEEDED',
    retryable: false,
    scope: 'call',
    meaning: 'The session said nothing in time: a slot is for talking.',
    remedy: 'Connect again when there is something to say.',
  },
  STALE: {
    code: 'DEADLINE_EXCEEDED',
    retryable: false,
    scope: 'call',
    meaning: 'Nothing was heard of the client for too long.',
    remedy: 'Connect again, and ping at least as often as Welcome says.',
  },
  SESSION_TAKEN_OVER: {
    code: 'ABORTED',
    retryable: false,
    scope: 'call',
    meaning: 'The session goes on elsewhere: somebody came with its resume token.',
    remedy: 'Nothing, if that was you; otherwise connect anew.',
  },
  SLOW_CONSUMER: {
    code: 'RESOURCE_EXHAUSTED',
    retryable: true,
    retryDelayMs: 1_000,
    scope: 'call',
    meaning: 'The client does not read what it is sent.',
    remedy: 'Read faster; connect again with the resume token and `after_sequence`.',
  },
  DISCONNECTED: {
    code: 'ABORTED',
    retryable: false,
    scope: 'call',
    meaning: 'An operator ended the session.',
    remedy: 'Ask the operator.',
  },
  DRAINING: {
    code: 'UNAVAILABLE',
    retryable: true,
    retryDelayMs: 1_000,
    scope: 'call',
    meaning: 'This server is leaving.',
    remedy: 'Connect again, to another server or a moment later, with the resume token.',
  },
  STARTING: {
    code: 'UNAVAILABLE',
    retryable: true,
    retryDelayMs: 1_000,
    scope: 'call',
    meaning: 'This server has begun to listen, but may not take sessions yet.',
    remedy: 'Connect again, to another server or a moment later.',
  },
  LOG_UNAVAILABLE: {
    code: 'UNAVAILABLE',
    retryable: true,
    retryDelayMs: 1_000,
    scope: 'call',
    meaning: 'The log cannot take the fact now, so nothing was accepted that the client was not told of.',
    remedy: 'Send it again, under the same client message id.',
  },
  HISTORY_BEHIND: {
    code: 'UNAVAILABLE',
    retryable: true,
    retryDelayMs: 1_000,
    scope: 'call',
    meaning: 'History has not caught up with the sequence asked for within the time limit.',
    remedy: 'Ask again.',
  },
  HELLO_EXPECTED: {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    scope: 'call',
    meaning: 'The first frame must be `hello`, and only the first.',
    remedy: 'Begin the stream with one `hello`.',
  },
  FRAME_INVALID: {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    scope: 'call',
    meaning: 'A frame or field is not what the contract says.',
    remedy: 'See the field violations.',
  },
  CLIENT_ID_INVALID: {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    scope: 'call',
    meaning: 'The client id is empty, too long, or holds control characters.',
    remedy: 'Send 1 to 128 printable characters, the same at every connect.',
  },
  CONVERSATION_ID_INVALID: {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    scope: 'call',
    meaning: 'That cannot be a conversation id.',
    remedy: 'Use an id from Welcome or ListConversations, or none for a new conversation.',
  },
  PAGE_TOKEN_INVALID: {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    scope: 'call',
    meaning: 'The page token is not one of this list, or the page size is negative.',
    remedy: 'Start again without a token.',
  },
  NOT_YOURS: {
    code: 'PERMISSION_DENIED',
    retryable: false,
    scope: 'call',
    meaning: 'It belongs to somebody else.',
    remedy: 'Use your own.',
  },
  NOT_FOUND: {
    code: 'NOT_FOUND',
    retryable: false,
    scope: 'call',
    meaning: 'There is no such thing.',
    remedy: 'Check the id.',
  },
  SESSION_NOT_FOUND: {
    code: 'NOT_FOUND',
    retryable: false,
    scope: 'call',
    meaning: 'This server holds no such session, or it has ended.',
    remedy: 'Open a session again, with the resume token.',
  },
  UNAUTHENTICATED: {
    code: 'UNAUTHENTICATED',
    retryable: false,
    scope: 'call',
    meaning: 'The call carries no valid credentials.',
    remedy: 'Sign in.',
  },
  OPERATOR_REQUIRED: {
    code: 'PERMISSION_DENIED',
    retryable: false,
    scope: 'call',
    meaning: 'The call is for those who run the server.',
    remedy: 'Use an account with the operator role.',
  },
  ACCOUNTS_OFF: {
    code: 'FAILED_PRECONDITION',
    retryable: false,
    scope: 'call',
    meaning: 'This server keeps no accounts of its own.',
    remedy: 'Ask whoever runs it how to sign in.',
  },
  SIGN_UP_CLOSED: {
    code: 'PERMISSION_DENIED',
    retryable: false,
    scope: 'call',
    meaning: 'Nobody can sign up by themselves here.',
    remedy: 'Ask the operator for an account.',
  },
  USER_NAME_INVALID: {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    scope: 'call',
    meaning: 'That cannot be a user name.',
    remedy: "Use 3 to 64 letters, digits, '.', '_' and '-'.",
  },
  USER_NAME_TAKEN: {
    code: 'ALREADY_EXISTS',
    retryable: false,
    scope: 'call',
    meaning: 'Somebody has this user name.',
    remedy: 'Choose another one.',
  },
  PASSWORD_INVALID: {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    scope: 'call',
    meaning: 'The password is too short, too long, or too common.',
    remedy: 'Use 8 to 256 characters that are not a common password.',
  },
  PASSWORD_WRONG: {
    code: 'PERMISSION_DENIED',
    retryable: false,
    scope: 'call',
    meaning: 'The old password is wrong.',
    remedy: 'Try again, or ask the operator for another password.',
  },
  SIGN_IN_FAILED: {
    code: 'UNAUTHENTICATED',
    retryable: false,
    scope: 'call',
    meaning: 'The user name or the password is wrong.',
    remedy: 'Try again.',
  },
  TOO_MANY_ATTEMPTS: {
    code: 'RESOURCE_EXHAUSTED',
    retryable: true,
    retryDelayMs: 1000,
    scope: 'call',
    meaning: 'Too many attempts to sign in failed, with this name or from this address.',
    remedy: 'Wait as long as the delay says.',
  },
  TOO_MANY_SIGN_UPS: {
    code: 'RESOURCE_EXHAUSTED',
    retryable: true,
    retryDelayMs: 1000,
    scope: 'call',
    meaning: 'Too many accounts were made from this address, or too many people sign up at this moment.',
    remedy: 'Wait as long as the delay says.',
  },
  TOO_MANY_WRITES: {
    code: 'RESOURCE_EXHAUSTED',
    retryable: true,
    retryDelayMs: 1000,
    scope: 'call',
    meaning:
      'The client, or all clients of its address together, open, begin, stop, rename, delete or upload too often; nothing was written.',
    remedy: 'Wait as long as the delay says, then do it again.',
  },
  REFRESH_TOKEN_INVALID: {
    code: 'UNAUTHENTICATED',
    retryable: false,
    scope: 'call',
    meaning:
      'The refresh token is unknown, expired, ended or was used before; if it was used before, all tokens that came of it are ended.',
    remedy: 'Sign in again.',
  },
  AUTHENTICATION_UNAVAILABLE: {
    code: 'UNAVAILABLE',
    retryable: true,
    retryDelayMs: 1000,
    scope: 'call',
    meaning: 'Who calls cannot be found out now.',
    remedy: 'Try again.',
  },
  TITLE_INVALID: {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    scope: 'call',
    meaning: 'The title is empty, too long, or holds control characters.',
    remedy: 'Use 1 to 200 characters.',
  },
  QUERY_INVALID: {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    scope: 'call',
    meaning: 'The query holds no word, or too many.',
    remedy: 'Search for 1 to 20 words.',
  },
  MEDIA_UNAVAILABLE: {
    code: 'UNAVAILABLE',
    retryable: true,
    retryDelayMs: 1000,
    scope: 'call',
    meaning: 'The media store does not answer now; nothing was stored.',
    remedy: 'Try again.',
  },
  MEDIA_STORE_FULL: {
    code: 'RESOURCE_EXHAUSTED',
    retryable: true,
    retryDelayMs: 60_000,
    scope: 'call',
    meaning: 'The media store has no room: what is left of its disk is for the log. Nothing was stored.',
    remedy: 'Send text, or try again later; tell whoever runs the server.',
  },
  MEDIA_URL_INVALID: {
    code: 'PERMISSION_DENIED',
    retryable: false,
    scope: 'call',
    meaning: 'The URL has expired, or was changed.',
    remedy: 'Ask for a fresh one.',
  },
  NOT_REPLAYABLE: {
    code: 'FAILED_PRECONDITION',
    retryable: false,
    scope: 'call',
    meaning: 'It was not given up, or nothing good would come of it a second time.',
    remedy: 'Leave it as it is; the text says why.',
  },
  STILL_UNDECODABLE: {
    code: 'FAILED_PRECONDITION',
    retryable: false,
    scope: 'call',
    meaning: 'This release cannot decode the record either.',
    remedy: 'Replay it after an upgrade to a release that can.',
  },
  NOT_IMPLEMENTED: {
    code: 'UNIMPLEMENTED',
    retryable: false,
    scope: 'call',
    meaning: 'The contract has this call, this release does not answer it yet.',
    remedy: 'Use a later release.',
  },
  INTERNAL: {
    code: 'INTERNAL',
    retryable: false,
    scope: 'call',
    meaning: "A defect of the server. Its cause is in the server's own log, under the id told.",
    remedy: 'Report the id.',
  },
  EMPTY_MESSAGE: {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    scope: 'message',
    meaning: 'The message has no part, or a part without content.',
    remedy: 'Say something.',
  },
  TEXT_TOO_LONG: {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    scope: 'message',
    meaning: 'The text is longer than Welcome allows.',
    remedy: 'Split it.',
  },
  MEDIA_TOO_LARGE: {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    scope: 'message',
    meaning: 'The media object is larger than Welcome allows.',
    remedy: 'Send a smaller one.',
  },
  MEDIA_TYPE_UNSUPPORTED: {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    scope: 'message',
    meaning: 'Media of this kind and type are not taken.',
    remedy: 'Send one of the types that the contract names for this kind.',
  },
  FILE_NAME_INVALID: {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    scope: 'message',
    meaning: 'The `file_name` of a media part is longer than 255 UTF-8 bytes, or has control characters.',
    remedy: 'Send another name, or none.',
  },
  MEDIA_MISMATCH: {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    scope: 'message',
    meaning: 'The bytes are not what the message says they are.',
    remedy: 'Send the right length, hash and type.',
  },
  MEDIA_NOT_FOUND: {
    code: 'NOT_FOUND',
    retryable: false,
    scope: 'message',
    meaning: 'No such media object was uploaded by this client, or it is not in the store any more.',
    remedy: 'Upload it first.',
  },
  MEDIA_QUOTA_EXCEEDED: {
    code: 'RESOURCE_EXHAUSTED',
    retryable: false,
    scope: 'message',
    meaning: 'With it the client would keep more bytes of media than it may. Nothing was stored.',
    remedy: 'Delete conversations that have media, or wait until uploads that were not used are removed.',
  },
  HISTORY_QUOTA_EXCEEDED: {
    code: 'RESOURCE_EXHAUSTED',
    retryable: false,
    scope: 'message',
    meaning: 'The conversations of this client have as many bytes as they may.',
    remedy: 'Delete conversations.',
  },
  CLIENT_MESSAGE_ID_INVALID: {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    scope: 'message',
    meaning: 'The client message id is empty, too long, or holds control characters.',
    remedy: 'Send 1 to 128 printable characters, unique within the conversation.',
  },
  TOO_MANY_PENDING: {
    code: 'RESOURCE_EXHAUSTED',
    retryable: true,
    retryDelayMs: 1_000,
    scope: 'message',
    meaning: 'Too many messages of this client are unanswered.',
    remedy: 'Wait for a reply, then send it again.',
  },
  TOO_MANY_MESSAGES: {
    code: 'RESOURCE_EXHAUSTED',
    retryable: true,
    retryDelayMs: 1_000,
    scope: 'message',
    meaning: 'The client says too much in a minute; nothing was written.',
    remedy: 'Wait as long as the delay says, then send it again.',
  },
  PROVIDER_FAILED: {
    code: 'UNAVAILABLE',
    retryable: false,
    scope: 'message',
    meaning: 'The model failed at every attempt.',
    remedy: 'Say it again as a new message.',
  },
  PROVIDER_BUSY: {
    code: 'RESOURCE_EXHAUSTED',
    retryable: false,
    scope: 'message',
    meaning: 'The model takes no requests of this server for now: its limit or quota is used up.',
    remedy:
      'Say it again some minutes later; if it stays so, tell the operator. The cause is in the story of the message (`ExplainMessage`).',
  },
  PROVIDER_ACCESS_DENIED: {
    code: 'UNAVAILABLE',
    retryable: false,
    scope: 'message',
    meaning: 'The model refuses the key of this server.',
    remedy: 'Tell the operator: `PARLEY_OPENAI_API_KEY` is missing, wrong, or not allowed to use the model.',
  },
  PROVIDER_MODEL_NOT_FOUND: {
    code: 'UNAVAILABLE',
    retryable: false,
    scope: 'message',
    meaning: 'The server of the model does not know the model that is configured.',
    remedy:
      'Tell the operator: `PARLEY_OPENAI_MODEL` or `PARLEY_OPENAI_BASE_URL` is wrong, or the model is not installed.',
  },
  PROVIDER_TIMEOUT: {
    code: 'DEADLINE_EXCEEDED',
    retryable: false,
    scope: 'message',
    meaning: 'The model did not answer in time at any attempt.',
    remedy: 'Say it again as a new message.',
  },
  POISON: {
    code: 'ABORTED',
    retryable: false,
    scope: 'message',
    meaning: 'Three workers were lost while answering this message; it was given up.',
    remedy: 'Change the message.',
  },
  STOPPED: {
    code: 'ABORTED',
    retryable: false,
    scope: 'message',
    meaning: 'The client wanted no answer before there was any.',
    remedy: 'Nothing.',
  },
} as const satisfies Record<string, Refusal>;

/** The name of a refusal: what ErrorInfo and MessageRejected carry as `reason`. */
export type Reason = keyof typeof catalogue;

/** Of a reason that this release does not know. */
const unknownRefusal: Refusal = {
  code: 'INTERNAL',
  retryable: false,
  scope: 'message',
  meaning: 'A later release of the server gave this reason.',
  remedy: 'Read its documentation.',
};

/** The refusal that the log names so. A later release may have written it, with a reason of its own: its end stands all the same. */
export function refusalNamed(reason: string): Refusal {
  return Object.hasOwn(catalogue, reason) ? catalogue[reason as Reason] : unknownRefusal;
}

/** A refusal as it is thrown: the reason, and what a person should read of this case. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly reason: Reason;
  /** Facts of this case, told as ErrorInfo metadata. Never contents or secrets. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Which fields were wrong, told as BadRequest. */
  readonly violations: readonly { readonly field: string; readonly description: string }[];
  /** Not before this long; undefined where trying again is of no use. */
  readonly retryDelayMs: number | undefined;

  constructor(
    reason: Reason,
    detail: string = catalogue[reason].meaning,
    more: {
      metadata?: Readonly<Record<string, string>>;
      violations?: Refused['violations'];
      retryDelayMs?: number;
    } = {},
  ) {
    super(detail);
    this.reason = reason;
    this.metadata = more.metadata ?? {};
    this.violations = more.violations ?? [];
    this.retryDelayMs = more.retryDelayMs ?? retryDelayOf(reason);
  }
}

function retryDelayOf(reason: Reason): number | undefined {
  const refusal: Refusal = catalogue[reason];
  return refusal.retryDelayMs;
}
