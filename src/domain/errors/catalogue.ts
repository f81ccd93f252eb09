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

/** One refusal: its status, and what the client should do. */
export interface Refusal {
  readonly code: CodeName;
  /** Sending the same again later may work. */
  readonly retryable: boolean;
  /** Minimum delay, sent as RetryInfo; only with `retryable`. */
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
    meaning: 'Every slot is taken, and the client did not wait, waited too long, or the line is full.',
    remedy: 'Connect again after the delay, or with a longer `wait_for_slot`.',
  },
  TOO_MANY_SESSIONS: {
    code: 'RESOURCE_EXHAUSTED',
    retryable: true,
    retryDelayMs: 5_000,
    scope: 'call',
    meaning: 'The address has its maximum of clients connected or in line.',
    remedy:
      'Connect again when one of them has left. If calls of many clients come through a proxy, `PARLEY_TRUSTED_PROXIES` must name it.',
  },
  ALREADY_CONNECTED: {
    code: 'ALREADY_EXISTS',
    retryable: false,
    scope: 'call',
    meaning: 'This client has a session already.',
    remedy:
      'Close the other session, or take it over: with its resume token, or, after asking the person, by `take_over` with an access token.',
  },
  TIME_ZONE_REFUSED: {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    scope: 'call',
    meaning: 'The time zone is not a valid IANA zone, or not served here.',
    remedy: 'Send the IANA name of the client\'s zone, e.g. "Asia/Tokyo".',
  },
  FIRST_MESSAGE_TIMEOUT: {
    code: 'DEADLINE_EXCEEDED',
    retryable: false,
    scope: 'call',
    meaning: 'The session sent no message in time.',
    remedy: 'Connect again when there is a message to send.',
  },
  STALE: {
    code: 'DEADLINE_EXCEEDED',
    retryable: false,
    scope: 'call',
    meaning: 'The client sent no frame for too long.',
    remedy: 'Connect again, and ping at least as often as Welcome says.',
  },
  SESSION_TAKEN_OVER: {
    code: 'ABORTED',
    retryable: false,
    scope: 'call',
    meaning: 'Another terminal, tab or device has taken the session over, with its resume token or with `take_over`.',
    remedy: 'Nothing, if that was you; otherwise open a new session.',
  },
  SLOW_CONSUMER: {
    code: 'RESOURCE_EXHAUSTED',
    retryable: true,
    retryDelayMs: 1_000,
    scope: 'call',
    meaning: 'The client does not read its stream.',
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
    meaning: 'This server is draining.',
    remedy: 'Connect again, to another server or a moment later, with the resume token.',
  },
  STARTING: {
    code: 'UNAVAILABLE',
    retryable: true,
    retryDelayMs: 1_000,
    scope: 'call',
    meaning: 'This server is starting, and accepts no sessions yet.',
    remedy: 'Connect again, to another server or a moment later.',
  },
  LOG_UNAVAILABLE: {
    code: 'UNAVAILABLE',
    retryable: true,
    retryDelayMs: 1_000,
    scope: 'call',
    meaning: 'The log is unavailable, so this was not accepted.',
    remedy: 'Send it again, under the same client message id.',
  },
  HISTORY_BEHIND: {
    code: 'UNAVAILABLE',
    retryable: true,
    retryDelayMs: 1_000,
    scope: 'call',
    meaning: 'History did not reach the requested sequence in time.',
    remedy: 'Try again.',
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
    meaning: 'A frame or field violates the contract.',
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
    meaning: 'The conversation id is invalid.',
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
    meaning: 'It belongs to another client.',
    remedy: 'Use your own.',
  },
  NOT_FOUND: {
    code: 'NOT_FOUND',
    retryable: false,
    scope: 'call',
    meaning: 'It does not exist.',
    remedy: 'Check the id or the name.',
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
    meaning: 'The call needs the operator role.',
    remedy: 'Use an account with the operator role.',
  },
  ACCOUNTS_OFF: {
    code: 'FAILED_PRECONDITION',
    retryable: false,
    scope: 'call',
    meaning: 'This server has no accounts of its own.',
    remedy: 'Ask the operator how to sign in.',
  },
  SIGN_UP_CLOSED: {
    code: 'PERMISSION_DENIED',
    retryable: false,
    scope: 'call',
    meaning: 'Sign-up is closed.',
    remedy: 'Ask the operator for an account.',
  },
  USER_NAME_INVALID: {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    scope: 'call',
    meaning: 'The user name is invalid.',
    remedy: "Use 3 to 64 letters, digits, '.', '_' and '-'.",
  },
  USER_NAME_TAKEN: {
    code: 'ALREADY_EXISTS',
    retryable: false,
    scope: 'call',
    meaning: 'The user name is taken.',
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
    remedy: 'Try again, or ask the operator to set a new password.',
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
    meaning:
      'Too many attempts to sign in failed, with this name or from this address, or too many calls of this account or address were refused.',
    remedy: 'Try again after the delay.',
  },
  TOO_MANY_SIGN_UPS: {
    code: 'RESOURCE_EXHAUSTED',
    retryable: true,
    retryDelayMs: 1000,
    scope: 'call',
    meaning: 'Too many accounts were created from this address, or too many sign-ups are in progress.',
    remedy: 'Try again after the delay.',
  },
  TOO_MANY_WRITES: {
    code: 'RESOURCE_EXHAUSTED',
    retryable: true,
    retryDelayMs: 1000,
    scope: 'call',
    meaning:
      'The client, or its address, exceeded the rate of opening, starting, stopping, renaming, deleting and uploading; nothing was written.',
    remedy: 'Try again after the delay.',
  },
  REFRESH_TOKEN_INVALID: {
    code: 'UNAUTHENTICATED',
    retryable: false,
    scope: 'call',
    meaning:
      'The refresh token is unknown, expired, revoked or was used before; reuse revokes all tokens derived from it.',
    remedy: 'Sign in again.',
  },
  AUTHENTICATION_UNAVAILABLE: {
    code: 'UNAVAILABLE',
    retryable: true,
    retryDelayMs: 1000,
    scope: 'call',
    meaning: 'The caller cannot be authenticated now.',
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
    meaning: 'The query has no word, or too many.',
    remedy: 'Search for 1 to 20 words.',
  },
  MEDIA_UNAVAILABLE: {
    code: 'UNAVAILABLE',
    retryable: true,
    retryDelayMs: 1000,
    scope: 'call',
    meaning: 'The media store is unavailable; nothing was stored.',
    remedy: 'Try again.',
  },
  MEDIA_STORE_FULL: {
    code: 'RESOURCE_EXHAUSTED',
    retryable: true,
    retryDelayMs: 60_000,
    scope: 'call',
    meaning: 'The media store is full: the remaining disk is reserved for the log. Nothing was stored.',
    remedy: 'Send text, or try again later; tell the operator.',
  },
  MEDIA_URL_INVALID: {
    code: 'PERMISSION_DENIED',
    retryable: false,
    scope: 'call',
    meaning: 'The URL has expired, or was modified.',
    remedy: 'Request a new one.',
  },
  NOT_REPLAYABLE: {
    code: 'FAILED_PRECONDITION',
    retryable: false,
    scope: 'call',
    meaning: 'It was not given up, or a replay would have no use.',
    remedy: 'Nothing; the detail says why.',
  },
  STILL_UNDECODABLE: {
    code: 'FAILED_PRECONDITION',
    retryable: false,
    scope: 'call',
    meaning: 'This release cannot decode the record.',
    remedy: 'Replay it after an upgrade to a release that can.',
  },
  NOT_IMPLEMENTED: {
    code: 'UNIMPLEMENTED',
    retryable: false,
    scope: 'call',
    meaning: 'This release does not implement the call.',
    remedy: 'Use a later release.',
  },
  INTERNAL: {
    code: 'INTERNAL',
    retryable: false,
    scope: 'call',
    meaning: "A server error. Its cause is in the server's log, under the given id.",
    remedy: 'Report the id.',
  },
  EMPTY_MESSAGE: {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    scope: 'message',
    meaning: 'The message has no part, or a part without content.',
    remedy: 'Send some content.',
  },
  TEXT_TOO_LONG: {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    scope: 'message',
    meaning: 'The text exceeds the limit in Welcome.',
    remedy: 'Split it.',
  },
  MEDIA_TOO_LARGE: {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    scope: 'message',
    meaning: 'The media object exceeds the limit in Welcome.',
    remedy: 'Send a smaller one.',
  },
  MEDIA_TYPE_UNSUPPORTED: {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    scope: 'message',
    meaning: 'Media of this kind and type are not accepted.',
    remedy: 'Send a type that the contract lists for this kind.',
  },
  INSTRUCTIONS_TOO_LONG: {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    scope: 'message',
    meaning: "The message's `instructions` are longer than 4,096 UTF-8 bytes.",
    remedy: 'Shorten them, or send none.',
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
    meaning: 'The bytes do not match their description.',
    remedy: 'Send the correct length, hash and type.',
  },
  MEDIA_NOT_FOUND: {
    code: 'NOT_FOUND',
    retryable: false,
    scope: 'message',
    meaning: 'This client uploaded no such media object, or it was removed.',
    remedy: 'Upload it first.',
  },
  MEDIA_QUOTA_EXCEEDED: {
    code: 'RESOURCE_EXHAUSTED',
    retryable: false,
    scope: 'message',
    meaning: "The client's media quota is exceeded. Nothing was stored.",
    remedy: 'Delete conversations with media, or wait until unused uploads are removed.',
  },
  HISTORY_QUOTA_EXCEEDED: {
    code: 'RESOURCE_EXHAUSTED',
    retryable: false,
    scope: 'message',
    meaning: "The client's history quota is exceeded.",
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
  BUDGET_EXHAUSTED: {
    code: 'RESOURCE_EXHAUSTED',
    retryable: false,
    scope: 'message',
    meaning: 'A budget of the client, or of all clients, has not left what a reply needs.',
    remedy: 'Send it again when the budget begins anew, after the delay; or ask an operator.',
  },
  TOO_MANY_MESSAGES: {
    code: 'RESOURCE_EXHAUSTED',
    retryable: true,
    retryDelayMs: 1_000,
    scope: 'message',
    meaning: 'The client exceeded its message rate; nothing was written.',
    remedy: 'Send it again after the delay.',
  },
  PROVIDER_FAILED: {
    code: 'UNAVAILABLE',
    retryable: false,
    scope: 'message',
    meaning: 'The model failed at every attempt.',
    remedy:
      'Send it again as a new message; if that fails, tell the operator, who finds the cause with `ExplainMessage` or `parley explain`.',
  },
  PROVIDER_BUSY: {
    code: 'RESOURCE_EXHAUSTED',
    retryable: false,
    scope: 'message',
    meaning: 'The model server refuses requests for now: its rate limit or quota is exhausted.',
    remedy:
      'Send it again some minutes later; if that fails, tell the operator, who finds the cause with `ExplainMessage` or `parley explain`.',
  },
  PROVIDER_REFUSED: {
    code: 'UNAVAILABLE',
    retryable: false,
    scope: 'message',
    meaning: 'The model server cannot answer this request, and another attempt would not change that.',
    remedy:
      'Send a shorter message, or one without media, in a new conversation; if that fails, tell the operator, who finds the cause with `ExplainMessage` or `parley explain`.',
  },
  PROVIDER_ACCESS_DENIED: {
    code: 'UNAVAILABLE',
    retryable: false,
    scope: 'message',
    meaning: 'The model server refuses the API key.',
    remedy: 'Tell the operator: `PARLEY_OPENAI_API_KEY` is missing, wrong, or not allowed to use the model.',
  },
  PROVIDER_MODEL_NOT_FOUND: {
    code: 'UNAVAILABLE',
    retryable: false,
    scope: 'message',
    meaning: 'The model server does not have the configured model, or what answers at its address is no model server.',
    remedy:
      'Tell the operator: `PARLEY_OPENAI_MODEL` or `PARLEY_OPENAI_BASE_URL` is wrong, or the model is not installed.',
  },
  PROVIDER_TIMEOUT: {
    code: 'DEADLINE_EXCEEDED',
    retryable: false,
    scope: 'message',
    meaning: 'The model did not answer in time at any attempt.',
    remedy:
      'Send it again as a new message. The operator sets how long is waited: `PARLEY_PROVIDER_FIRST_PIECE_TIMEOUT_MS`, `PARLEY_PROVIDER_PIECE_TIMEOUT_MS`, `PARLEY_PROVIDER_MEDIA_TIMEOUT_MS` and `PARLEY_PROVIDER_TOTAL_TIMEOUT_MS`.',
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
    meaning: 'The client stopped the reply before it began.',
    remedy: 'Nothing.',
  },
} as const satisfies Record<string, Refusal>;

/** The name of a refusal: what ErrorInfo and MessageRejected carry as `reason`. */
export type Reason = keyof typeof catalogue;

/** For a reason that this release does not know. */
const unknownRefusal: Refusal = {
  code: 'INTERNAL',
  retryable: false,
  scope: 'message',
  meaning: 'A reason of a later release.',
  remedy: 'See its documentation.',
};

/** The refusal of a logged reason. A later release may have written a reason that this one does not know; the event counts all the same. */
export function refusalNamed(reason: string): Refusal {
  return Object.hasOwn(catalogue, reason) ? catalogue[reason as Reason] : unknownRefusal;
}

/** A refusal as it is thrown: the reason, and a human-readable detail. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly reason: Reason;
  /** Sent as ErrorInfo metadata. No content, no secrets. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Invalid fields, sent as BadRequest. */
  readonly violations: readonly { readonly field: string; readonly description: string }[];
  /** Minimum delay; undefined where a retry is of no use. */
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

/** FRAME_INVALID for one field, and what it must be. */
export function invalidField(field: string, description: string): Refused {
  return new Refused('FRAME_INVALID', `${field} is invalid`, { violations: [{ field, description }] });
}
