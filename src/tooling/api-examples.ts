import type { Reason } from '../domain/errors/catalogue.ts';

/** How a call is shown: what is sent, and how it may be refused. */
export interface Example {
  /** One request, or those of a stream in their order. `$NAME` stands for a variable of the shell. */
  readonly requests: readonly object[];
  /** The call is for those who are signed in: it carries the access token of the preparation. */
  readonly isSignedIn?: true;
  /** Beside those that any call may meet. */
  readonly refusals: readonly Reason[];
  /** What a reader should know before they paste it. */
  readonly remark?: string;
}

/** Where `npm start` listens. */
const address = '127.0.0.1:50051';

const timeZone = 'Europe/Paris';

/** What any call may be refused with. */
export const commonRefusals: readonly Reason[] = [
  'FRAME_INVALID',
  'UNAUTHENTICATED',
  'AUTHENTICATION_UNAVAILABLE',
  'LOG_UNAVAILABLE',
  'HISTORY_BEHIND',
  'INTERNAL',
];

const helloRefusals: readonly Reason[] = [
  'HELLO_EXPECTED',
  'CLIENT_ID_INVALID',
  'TIME_ZONE_REFUSED',
  'CONVERSATION_ID_INVALID',
  'NOT_FOUND',
  'NOT_YOURS',
  'TOO_MANY_CLIENTS',
  'TOO_MANY_SESSIONS',
  'TOO_MANY_WRITES',
  'ALREADY_CONNECTED',
];
const sessionEnds: readonly Reason[] = [
  'FIRST_MESSAGE_TIMEOUT',
  'STALE',
  'SESSION_TAKEN_OVER',
  'SLOW_CONSUMER',
  'DISCONNECTED',
  'DRAINING',
];
const messageRefusals: readonly Reason[] = [
  'CLIENT_MESSAGE_ID_INVALID',
  'EMPTY_MESSAGE',
  'TEXT_TOO_LONG',
  'INSTRUCTIONS_TOO_LONG',
  'TOO_MANY_PENDING',
  'TOO_MANY_MESSAGES',
  'BUDGET_EXHAUSTED',
  'HISTORY_QUOTA_EXCEEDED',
  'NOT_FOUND',
  'MEDIA_TOO_LARGE',
  'MEDIA_TYPE_UNSUPPORTED',
  'FILE_NAME_INVALID',
  'MEDIA_MISMATCH',
  'MEDIA_NOT_FOUND',
  'MEDIA_UNAVAILABLE',
  'MEDIA_STORE_FULL',
  'MEDIA_QUOTA_EXCEEDED',
];
const sessionRefusals: readonly Reason[] = ['SESSION_NOT_FOUND', 'NOT_YOURS'];
const pageRefusals: readonly Reason[] = ['CLIENT_ID_INVALID', 'NOT_YOURS', 'PAGE_TOKEN_INVALID'];
const conversationRefusals: readonly Reason[] = ['CONVERSATION_ID_INVALID', 'NOT_FOUND', 'NOT_YOURS'];

/** A PNG of one pixel: a whole picture that fits a line. */
export const pixel = {
  base64: 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  sizeBytes: 70,
  /** SHA-256, base64. */
  sha256: 'a3+kNPkqi4CqsC2b8aEuSf/K5CTkATocT2i2fj0rvNA=',
} as const;
const picture = { kind: 'KIND_IMAGE', content_type: 'image/png', size_bytes: pixel.sizeBytes, sha256: pixel.sha256 };

const message = (client_message_id: string, text: string) => ({ client_message_id, parts: [{ text }] });
const grace = { client_id: 'grace', time_zone: timeZone };

/** By the full name of the call. A test pastes each of them. */
export const examples: Readonly<Record<string, Example>> = {
  'chat.v1.ChatService/Chat': {
    requests: [{ hello: grace }, { message: message('1', 'What time is it?') }],
    refusals: [...helloRefusals, ...sessionEnds, ...messageRefusals],
    remark: 'The stream ends by itself when everything is answered, because `grpcurl` has nothing more to send.',
  },
  'chat.v1.ChatService/Open': {
    requests: [{ hello: grace }],
    refusals: [...helloRefusals, ...sessionEnds],
    remark: 'It stays open, and tells what happens, until the session ends; Ctrl-C ends it.',
  },
  'chat.v1.ChatService/Join': {
    requests: [{ session_id: '$SESSION_ID', conversation: { conversation_id: '$CONVERSATION_ID' } }],
    refusals: [...sessionRefusals, 'CONVERSATION_ID_INVALID', 'NOT_FOUND', 'TOO_MANY_WRITES'],
  },
  'chat.v1.ChatService/Send': {
    requests: [{ session_id: '$SESSION_ID', message: message('2', 'And what is it good for?') }],
    refusals: [...sessionRefusals, ...messageRefusals],
  },
  'chat.v1.ChatService/StopReply': {
    requests: [{ session_id: '$SESSION_ID', message_id: '$MESSAGE_ID' }],
    refusals: [...sessionRefusals, 'NOT_FOUND', 'TOO_MANY_WRITES'],
  },
  'chat.v1.ChatService/Heartbeat': { requests: [{ session_id: '$SESSION_ID' }], refusals: sessionRefusals },
  'chat.v1.ChatService/Close': { requests: [{ session_id: '$SESSION_ID' }], refusals: sessionRefusals },
  'chat.v1.HistoryService/ListConversations': {
    requests: [{ client_id: 'ada', page_size: 10 }],
    refusals: pageRefusals,
  },
  'chat.v1.HistoryService/GetConversation': {
    requests: [{ conversation_id: '$CONVERSATION_ID' }],
    refusals: conversationRefusals,
  },
  'chat.v1.HistoryService/ListMessages': {
    requests: [{ conversation_id: '$CONVERSATION_ID', newest_first: true, page_size: 10 }],
    refusals: [...conversationRefusals, 'PAGE_TOKEN_INVALID', 'MEDIA_UNAVAILABLE'],
  },
  'chat.v1.HistoryService/SearchMessages': {
    requests: [{ client_id: 'ada', query: 'hello' }],
    refusals: ['QUERY_INVALID', ...pageRefusals, 'MEDIA_UNAVAILABLE'],
  },
  'chat.v1.HistoryService/RenameConversation': {
    requests: [{ conversation_id: '$CONVERSATION_ID', title: 'A first conversation' }],
    refusals: ['TITLE_INVALID', ...conversationRefusals, 'TOO_MANY_WRITES'],
  },
  'chat.v1.HistoryService/DeleteConversation': {
    requests: [{ conversation_id: '$CONVERSATION_ID' }],
    refusals: [...conversationRefusals, 'TOO_MANY_WRITES'],
  },
  'chat.v1.MediaService/CreateUpload': {
    requests: [{ client_id: 'ada', ...picture }],
    refusals: [
      'CLIENT_ID_INVALID',
      'NOT_YOURS',
      'MEDIA_TYPE_UNSUPPORTED',
      'MEDIA_TOO_LARGE',
      'MEDIA_UNAVAILABLE',
      'MEDIA_STORE_FULL',
      'MEDIA_QUOTA_EXCEEDED',
      'TOO_MANY_WRITES',
    ],
  },
  'chat.v1.MediaService/GetMedia': {
    requests: [{ media_id: '$MEDIA_ID' }],
    refusals: ['NOT_FOUND', 'MEDIA_UNAVAILABLE'],
  },
  'chat.v1.UsageService/QueryUsage': {
    requests: [
      {
        from_time: '2026-11-01T00:00:00Z',
        group_by: ['USAGE_GROUPING_CLIENT', 'USAGE_GROUPING_MODEL'],
        filter: 'client = "ada"',
      },
    ],
    refusals: ['NOT_YOURS', 'PAGE_TOKEN_INVALID'],
  },
  'chat.v1.SpendingService/SetPriceList': {
    requests: [
      {
        currency: 'EUR',
        prices: [
          { provider: 'simulated', model: 'simulated', input_per_million: 1_250_000, output_per_million: 10_000_000 },
        ],
      },
    ],
    refusals: ['OPERATOR_REQUIRED'],
  },
  'chat.v1.SpendingService/GetPriceList': {
    requests: [{}],
    refusals: ['OPERATOR_REQUIRED', 'NOT_FOUND'],
  },
  'chat.v1.SpendingService/SetBudget': {
    requests: [{ scope: 'BUDGET_SCOPE_EACH', period: 'BUDGET_PERIOD_DAY', unit: 'BUDGET_UNIT_TOKENS', amount: 50_000 }],
    refusals: ['OPERATOR_REQUIRED', 'CLIENT_ID_INVALID'],
  },
  'chat.v1.SpendingService/ListBudgets': {
    requests: [{ page_size: 10 }],
    refusals: ['OPERATOR_REQUIRED', 'PAGE_TOKEN_INVALID'],
  },
  'chat.v1.SpendingService/GetBudget': {
    requests: [{ client_id: 'ada' }],
    refusals: ['NOT_YOURS', 'CLIENT_ID_INVALID'],
  },
  'chat.v1.OperationsService/GetUsage': {
    requests: [{ client_id: 'ada' }],
    refusals: ['OPERATOR_REQUIRED', 'CLIENT_ID_INVALID', 'MEDIA_UNAVAILABLE'],
  },
  'chat.v1.OperationsService/ListActiveConnections': {
    requests: [{ page_size: 10 }],
    refusals: ['OPERATOR_REQUIRED', 'PAGE_TOKEN_INVALID'],
  },
  'chat.v1.OperationsService/DisconnectClient': {
    requests: [{ client_id: 'ada', reason: 'maintenance at noon' }],
    refusals: ['OPERATOR_REQUIRED', 'CLIENT_ID_INVALID', 'NOT_FOUND'],
  },
  'chat.v1.OperationsService/ExplainMessage': {
    requests: [{ message_id: '$MESSAGE_ID' }],
    refusals: ['OPERATOR_REQUIRED', 'NOT_FOUND'],
  },
  'chat.v1.OperationsService/ListParked': {
    requests: [{ page_size: 10 }],
    refusals: ['OPERATOR_REQUIRED', 'PAGE_TOKEN_INVALID'],
  },
  'chat.v1.OperationsService/ReplayParked': {
    requests: [{ message_id: '$MESSAGE_ID' }],
    refusals: ['OPERATOR_REQUIRED', 'NOT_FOUND', 'NOT_REPLAYABLE', 'STILL_UNDECODABLE'],
    remark:
      'The message of the preparation was answered, so that this is refused with `NOT_REPLAYABLE`; give one that ListParked shows.',
  },
  'chat.v1.OperationsService/ListSecurityEvents': {
    requests: [{ page_size: 10 }],
    refusals: ['OPERATOR_REQUIRED', 'PAGE_TOKEN_INVALID'],
  },
  'chat.v1.AccountService/DescribeSignIn': { requests: [{}], refusals: [] },
  'chat.v1.AccountService/SignUp': {
    requests: [{ user_name: 'grace', password: 'correct horse battery staple' }],
    refusals: [
      'ACCOUNTS_OFF',
      'SIGN_UP_CLOSED',
      'USER_NAME_INVALID',
      'USER_NAME_TAKEN',
      'PASSWORD_INVALID',
      'TOO_MANY_ATTEMPTS',
      'TOO_MANY_SIGN_UPS',
    ],
    remark: 'A second time it is refused: then the name is taken.',
  },
  'chat.v1.AccountService/SignIn': {
    requests: [{ user_name: 'ada', password: 'correct horse battery staple' }],
    refusals: ['ACCOUNTS_OFF', 'SIGN_IN_FAILED', 'TOO_MANY_ATTEMPTS'],
  },
  'chat.v1.AccountService/RefreshTokens': {
    requests: [{ refresh_token: '$REFRESH_TOKEN' }],
    refusals: ['ACCOUNTS_OFF', 'REFRESH_TOKEN_INVALID'],
    remark: 'The token of the preparation works once; prepare again for another.',
  },
  'chat.v1.AccountService/SignOut': {
    requests: [{ refresh_token: '$REFRESH_TOKEN' }],
    refusals: ['ACCOUNTS_OFF'],
  },
  'chat.v1.AccountService/SignOutEverywhere': {
    requests: [{}],
    isSignedIn: true,
    refusals: ['ACCOUNTS_OFF'],
  },
  'chat.v1.AccountService/ChangePassword': {
    requests: [{ old_password: 'correct horse battery staple', new_password: 'another horse, another staple' }],
    isSignedIn: true,
    refusals: ['ACCOUNTS_OFF', 'PASSWORD_WRONG', 'PASSWORD_INVALID', 'TOO_MANY_ATTEMPTS'],
    remark: 'From then on the preparation signs in no more: it has the old password.',
  },
};

/** One line that makes the call, against a server started with `npm start`. */
export function grpcurlLine(call: string, { requests, isSignedIn }: Pick<Example, 'requests' | 'isSignedIn'>): string {
  const grpcurl = `grpcurl -plaintext${isSignedIn ? ' -H "authorization: Bearer $ACCESS_TOKEN"' : ''}`;
  const json = requests.map(spaced).join(' ');
  if (json === '{}') return `${grpcurl} ${address} ${call}`;
  // Variables are only looked for between double quotes.
  const quoted = json.includes('$') ? `"${json.replaceAll(/["\\`]/g, '\\$&')}"` : `'${json}'`;
  return `${grpcurl} -d ${quoted} ${address} ${call}`;
}

function spaced(request: object): string {
  return JSON.stringify(request, null, 1)
    .replaceAll(/\n\s*/g, ' ')
    .replaceAll(/([{[]) | ([}\]])/g, '$1$2');
}

const line = (call: string) => grpcurlLine(call, examples[call] ?? { requests: [] });
const hello = grpcurlLine('chat.v1.ChatService/Open', {
  requests: [{ hello: { client_id: 'ada', time_zone: timeZone } }],
});
const greeting = grpcurlLine('chat.v1.ChatService/Send', {
  requests: [{ session_id: '$SESSION_ID', message: message('1', 'Hello') }],
});

/** Takes the first value of a name out of what `grpcurl` prints, which writes an ampersand as \u0026. */
export const valuePreparation = String.raw`value() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" | head -n 1 | sed 's/\\u0026/\&/g'; }`;

/** Gives SESSION_ID, CONVERSATION_ID and MESSAGE_ID, of a client `ada`. */
export const sessionPreparation = `EVENTS=$(mktemp)
${hello} > "$EVENTS" &
while SESSION_ID=$(value sessionId < "$EVENTS"); [ -z "$SESSION_ID" ] && kill -0 $!; do sleep 0.1; done
while sleep 10 && ${line('chat.v1.ChatService/Heartbeat')}; do :; done > /dev/null 2>&1 &
CONVERSATION_ID=$(value conversationId < "$EVENTS")
MESSAGE_ID=$(${greeting} | value messageId)`;

/** Gives MEDIA_ID: a picture of one pixel, uploaded. */
export const mediaPreparation = `UPLOAD=$(${line('chat.v1.MediaService/CreateUpload')})
echo ${pixel.base64} | base64 -d | curl -fsS -X PUT -H 'content-type: image/png' --data-binary @- "$(echo "$UPLOAD" | value uploadUrl)"
MEDIA_ID=$(echo "$UPLOAD" | value mediaId)`;

/** Gives REFRESH_TOKEN, and ACCESS_TOKEN for calls of other services. */
export const accountPreparation = `${grpcurlLine('chat.v1.AccountService/SignUp', { requests: [{ user_name: 'ada', password: 'correct horse battery staple' }] })} > /dev/null 2>&1
TOKENS=$(${line('chat.v1.AccountService/SignIn')})
REFRESH_TOKEN=$(echo "$TOKENS" | value refreshToken)
ACCESS_TOKEN=$(echo "$TOKENS" | value accessToken)`;
