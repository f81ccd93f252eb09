import {
  maxConfigurableInlineBytes,
  maxConfigurableTextBytes,
  shutdownMs,
  shutdownReserveMs,
} from '../domain/limits.ts';
import { providerSettings } from './provider-settings.ts';
import { hour, minute, type Role, type Setting, second } from './setting.ts';
import {
  addressRange,
  boolean,
  httpUrl,
  integer,
  integerOr,
  listenAddress,
  listOf,
  matching,
  oneOf,
  text,
  type ValueType,
  webOrigin,
} from './value-types.ts';

/** 64 TiB, beyond any disk. */
const maxConfigurableDiskBytes = 2 ** 46;

/** Every setting there is, in the order of the page written from it. */
export const settings = {
  PARLEY_PROFILE: {
    type: oneOf('embedded', 'distributed'),
    default: 'embedded',
    description:
      '`embedded`: one process on a data folder. `distributed`: many processes on Kafka, MongoDB, NATS and S3.',
  },
  PARLEY_ROLES: {
    type: listOf(oneOf('gateway', 'worker', 'projector')),
    default: 'gateway,worker,projector',
    description: 'The roles of this process. The embedded profile has all three.',
  },
  PARLEY_GRPC_LISTEN: {
    type: listenAddress,
    default: '127.0.0.1:50051',
    description: 'Listen address of gRPC.',
  },
  PARLEY_HTTP_LISTEN: {
    type: listenAddress,
    default: '127.0.0.1:8080',
    description: 'Listen address of the web client, gRPC-Web, media, `/docs`, `/metrics`, `/healthz` and `/readyz`.',
  },
  PARLEY_DATA_DIR: {
    type: text('a folder', 1_000),
    default: './data',
    description:
      'The folder of log, read models, accounts and media, with mode 0700, its files 0600. One process at a time locks it.',
  },
  PARLEY_PREFIX: {
    type: matching('1 to 32 of a-z, 0-9 and -, beginning with a letter', /^[a-z][a-z0-9-]{0,31}$/),
    default: 'parley',
    description: 'Prefix of every topic, group, subject, bucket and collection of this deployment.',
  },
  PARLEY_AUTH: {
    type: oneOf('none', 'accounts', 'oidc'),
    default: 'none',
    description: 'How clients authenticate. With `none` the server listens on loopback only.',
  },
  PARLEY_ALLOW_INSECURE: {
    type: boolean,
    default: 'false',
    description:
      'Allow to listen beyond loopback without authentication, or with passwords and tokens in plain text: for tests only.',
  },
  PARLEY_REFLECTION: {
    type: oneOf('auto', 'on', 'off'),
    default: 'auto',
    description:
      'gRPC reflection and `/docs`. `auto`: on with `PARLEY_AUTH=none` and where both ports listen on loopback only.',
  },
  PARLEY_HTTP_PUBLIC_URL: {
    type: httpUrl,
    default: '',
    description:
      'Public base URL of the HTTP port, without a final slash, used in media URLs. Default: the listen address.',
  },
  PARLEY_WEB_ORIGINS: {
    type: listOf(webOrigin),
    default: '',
    description:
      'Other origins whose pages may call gRPC-Web on the HTTP port. Default: only its own, and with `PARLEY_AUTH=none` only by an IP address, localhost or the name in `PARLEY_HTTP_PUBLIC_URL`.',
  },
  PARLEY_TRUSTED_PROXIES: {
    type: listOf(addressRange),
    default: '',
    description:
      'Addresses of proxies before this server, e.g. `10.0.3.0/28`, whose `x-forwarded-for` is trusted. Calls from other addresses are counted by their source address.',
  },
  PARLEY_TRUSTED_HOPS: {
    type: integer(1, 10, 'proxies'),
    default: '1',
    description:
      'Number of proxies of `PARLEY_TRUSTED_PROXIES` in a row. At most this many addresses of `x-forwarded-for` are read, from its end, while their writer is a trusted proxy; entries of clients are ignored.',
  },
  PARLEY_SIGN_UP: {
    type: oneOf('open', 'closed'),
    default: 'open',
    description: 'With `PARLEY_AUTH=accounts`: `closed` leaves creating accounts to `parley user add`.',
  },
  PARLEY_SIGN_UPS_PER_ADDRESS: {
    type: integer(1, 1_000_000, 'accounts'),
    default: '20',
    description:
      'Accounts that one address (IPv6: one /64) may create at each gateway: a token bucket of this size, refilled within an hour. Beyond it: TOO_MANY_SIGN_UPS. Behind a proxy that `PARLEY_TRUSTED_PROXIES` does not name, all clients have one address.',
  },
  PARLEY_ACCESS_TOKEN_LIFETIME_MS: {
    type: integer(10 * second, 24 * hour, 'milliseconds'),
    default: '900000',
    description: 'Lifetime of an access token of `accounts`.',
  },
  PARLEY_REFRESH_TOKEN_LIFETIME_MS: {
    type: integer(minute, 366 * 24 * hour, 'milliseconds'),
    default: '2592000000',
    description: 'Lifetime of an unused refresh token; each use issues a new one.',
  },
  PARLEY_TOKEN_KEY_LIFETIME_MS: {
    type: integer(hour, 366 * 24 * hour, 'milliseconds'),
    default: '2592000000',
    description: 'Rotation interval of the keys that sign access tokens.',
  },
  PARLEY_OIDC_ISSUER: {
    type: httpUrl,
    default: '',
    description: 'The OpenID Connect issuer, whose keys are found by discovery. Required by `oidc`.',
  },
  PARLEY_OIDC_AUDIENCE: {
    type: text('an audience', 500),
    default: '',
    description:
      'Required `aud` of a token: this API, not a client id, whose ID tokens would be accepted, too. Required by `oidc`.',
  },
  PARLEY_OIDC_CLIENT_ID_CLAIM: {
    type: matching('the name of a claim', /^[A-Za-z0-9_.:/-]{1,100}$/),
    default: 'sub',
    description: 'The claim that has the client id.',
  },
  PARLEY_OIDC_OPERATOR: {
    type: matching('claim=value', /^[A-Za-z0-9_.:/-]{1,100}=[^\s=]{1,100}$/),
    default: 'scope=parley.operator',
    description:
      'The claim and value that make the caller an operator; the claim may be a string, a list, or a space-separated list.',
  },
  PARLEY_OIDC_GROUP_CLAIM: {
    type: matching('a claim', /^[A-Za-z0-9_.:/-]{0,100}$/),
    default: '',
    description:
      'The claim that names the group of a client, whose budgets count what it says; of a list the first. Default: clients are of no group.',
  },
  PARLEY_OIDC_CLOCK_TOLERANCE_MS: {
    type: integer(0, 300_000, 'milliseconds'),
    default: '5000',
    description:
      "How far the issuer's clock may differ from this one: a token is accepted for so long before it is valid and after it has expired. Tokens count whole seconds.",
  },
  PARLEY_OIDC_WEB_CLIENT_ID: {
    type: text('a client id', 500),
    default: '',
    description: "The web client's id at the issuer (a public client with PKCE; redirect URI: the page's own URL).",
  },
  PARLEY_OIDC_WEB_SCOPES: {
    type: listOf(matching('a scope', /^[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]{1,200}$/)),
    default: 'openid',
    description: 'Scopes that the web client requests.',
  },
  PARLEY_TLS_CERT_FILE: {
    type: text('a file', 1_000),
    default: '',
    description: 'Certificate chain (PEM) of both ports; reloaded when it changes. Without it neither port uses TLS.',
  },
  PARLEY_TLS_KEY_FILE: {
    type: text('a file', 1_000),
    default: '',
    description: 'Its private key (PEM).',
  },
  PARLEY_TLS_CLIENT_CA_FILE: {
    type: text('a file', 1_000),
    default: '',
    description: 'CAs (PEM) of client certificates. With it, clients of the gRPC port must present one.',
  },
  PARLEY_TLS_TERMINATION: {
    type: oneOf('server', 'proxy'),
    default: 'server',
    description:
      "Where clients' TLS ends. With `accounts` or `oidc` a gateway starts beyond loopback only with a certificate, or with `proxy`: a proxy in the same pod, on the same host, or on a private network ends TLS, and nobody bypasses it.",
  },
  PARLEY_HSTS_SUBDOMAINS: {
    type: boolean,
    default: 'false',
    description:
      "With TLS, send `includeSubDomains` in `Strict-Transport-Security`, for a year: only if every subdomain of the page's name uses TLS.",
  },
  PARLEY_MAX_CONNECTIONS: {
    type: integerOr(10, 1_000_000, 'auto'),
    default: 'auto',
    description:
      'Connections per port; beyond it the longest idle one is closed. `auto`: two per client that may be connected or in line, and 1,000.',
  },
  PARLEY_MAX_CONNECTIONS_PER_ADDRESS: {
    type: integerOr(1, 1_000_000, 'auto'),
    default: 'auto',
    description:
      'Of these, connections per IPv4 address or IPv6 network (/64), trusted proxies excepted. `auto`: 1,000, an office behind one address; all of them where both ports listen on loopback only.',
  },
  PARLEY_MAX_STREAMS_PER_CONNECTION: {
    type: integer(10, 100_000, 'streams'),
    default: '100',
    description:
      'Concurrent calls per HTTP/2 connection. Clients with more wait or open another connection, as Envoy does.',
  },
  PARLEY_CONNECTION_IDLE_MS: {
    type: integer(second, 24 * hour, 'milliseconds'),
    default: '300000',
    description: 'An HTTP/2 connection without a call is closed after this time.',
  },
  PARLEY_MAX_CLIENTS: {
    type: integer(1, 100_000, 'clients'),
    default: '50',
    description: 'Sessions open at once.',
  },
  PARLEY_MAX_SESSIONS_PER_ADDRESS: {
    type: integerOr(1, 1_000_000, 'auto'),
    default: 'auto',
    description:
      'Clients of one address (IPv6: one /64) with a session at one gateway, open or in line; beyond it: TOO_MANY_SESSIONS. `auto`: a fifth of `PARLEY_MAX_CLIENTS`; no limit where both ports listen on loopback only, nor for calls with `x-forwarded-for` from a private address while `PARLEY_TRUSTED_PROXIES` is empty, because an unnamed proxy gives all clients one address.',
  },
  PARLEY_MAX_WAITING_CLIENTS: {
    type: integer(0, 100_000, 'clients'),
    default: '1000',
    description: 'Clients waiting in line for a slot; 0: no line.',
  },
  PARLEY_MAX_WAIT_FOR_SLOT_MS: {
    type: integer(0, hour, 'milliseconds'),
    default: '30000',
    description: 'Maximum wait in line, whatever the client requests.',
  },
  PARLEY_MAX_PROCESSING: {
    type: integer(1, 100_000, 'messages'),
    default: '500',
    description: 'Messages in processing at once. Each partition has an equal share, rounded down.',
  },
  PARLEY_PARTITIONS: {
    type: integer(1, 1_000, 'partitions'),
    default: '10',
    description: 'Partitions of the conversations topic. Cannot be changed once there is a log.',
  },
  PARLEY_MAX_PENDING_PER_CLIENT: {
    type: integer(1, 10_000, 'messages'),
    default: '10',
    description: 'Unanswered messages of one client; beyond it: TOO_MANY_PENDING.',
  },
  PARLEY_WRITES_PER_CLIENT_PER_MINUTE: {
    type: integer(1, 1_000_000, 'writes'),
    default: '600',
    description:
      'Writes of one client other than messages at each gateway: sessions opened, conversations started, renamed and deleted, replies stopped, uploads created. A token bucket of this size, refilled within a minute. Beyond it: TOO_MANY_WRITES.',
  },
  PARLEY_WRITES_PER_ADDRESS_PER_MINUTE: {
    type: integer(1, 1_000_000, 'writes'),
    default: '6000',
    description:
      'The same per IPv4 address or IPv6 network (/64). Not counted on loopback, nor for a proxy that `PARLEY_TRUSTED_PROXIES` does not name: there all clients have one address.',
  },
  PARLEY_MESSAGES_PER_CLIENT_PER_MINUTE: {
    type: integer(1, 10_000_000, 'messages'),
    default: '12000',
    description:
      'Messages of one client at each gateway: a token bucket of this size, refilled within a minute. Beyond it: TOO_MANY_MESSAGES. Repeats of an id are not counted.',
  },
  PARLEY_MAX_HISTORY_BYTES_PER_CLIENT: {
    type: integerOr(1, maxConfigurableDiskBytes, 'off'),
    default: 'off',
    description:
      "Bytes of one client's conversations: their text, and 256 for each message and reply. Beyond it: HISTORY_QUOTA_EXCEEDED, until conversations are deleted. `off`: no limit.",
  },
  PARLEY_MAX_PROCESSING_PER_CONVERSATION: {
    type: integer(1, 1_000, 'messages'),
    default: '1',
    description: 'Messages of one conversation in processing at once. More than 1 suits bots without memory only.',
  },
  PARLEY_FIRST_MESSAGE_DEADLINE_MS: {
    type: integer(second, 24 * hour, 'milliseconds'),
    default: '60000',
    description: 'A session without a message for this long after Welcome ends with FIRST_MESSAGE_TIMEOUT.',
  },
  PARLEY_HEARTBEAT_INTERVAL_MS: {
    type: integer(100, hour, 'milliseconds'),
    default: '15000',
    description: 'Heartbeat interval of clients.',
  },
  PARLEY_STALE_AFTER_MS: {
    type: integer(second, 24 * hour, 'milliseconds'),
    default: '45000',
    description:
      'A session without a frame from its client for this long ends with STALE. More than two heartbeat intervals.',
  },
  PARLEY_MAX_TEXT_BYTES: {
    type: integer(1, maxConfigurableTextBytes, 'bytes of UTF-8'),
    default: '32768',
    description: 'Maximum text of a message; beyond it: TEXT_TOO_LONG.',
  },
  PARLEY_MAX_INLINE_BYTES: {
    type: integer(0, maxConfigurableInlineBytes, 'bytes'),
    default: '1048576',
    description: 'Maximum inline voice, video or picture; larger ones need an upload.',
  },
  PARLEY_MAX_MEDIA_BYTES: {
    type: integer(1, 10 * 1_024 * 1_024 * 1_024, 'bytes'),
    default: '104857600',
    description: 'Maximum uploaded object; beyond it: MEDIA_TOO_LARGE.',
  },
  PARLEY_MIN_FREE_DISK_BYTES: {
    type: integer(0, maxConfigurableDiskBytes, 'bytes'),
    default: '1073741824',
    description:
      'Free disk of the data folder reserved for the log: media that would leave less are refused with MEDIA_STORE_FULL. 0: none. Embedded profile only.',
  },
  PARLEY_MAX_MEDIA_BYTES_PER_CLIENT: {
    type: integerOr(1, maxConfigurableDiskBytes, 'off'),
    default: '1073741824',
    description:
      'Bytes of media stored for one client: its uploads, used or not, and the media of its replies. Beyond it: MEDIA_QUOTA_EXCEEDED, until conversations with media are deleted. `off`: no limit.',
  },
  PARLEY_MAX_MEDIA_BYTES_IN_ALL: {
    type: integerOr(1, maxConfigurableDiskBytes, 'off'),
    default: 'off',
    description: 'Bytes of all media in the data folder; beyond it: MEDIA_STORE_FULL. Embedded profile only.',
  },
  PARLEY_UPLOAD_LIFETIME_MS: {
    type: integer(second, 24 * hour, 'milliseconds'),
    default: '3600000',
    description: 'Lifetime of an upload URL, and of an uploaded object that no message names.',
  },
  PARLEY_MEDIA_URL_LIFETIME_MS: {
    type: integer(second, 24 * hour, 'milliseconds'),
    default: '900000',
    description: 'Lifetime of a media URL; each read creates a new one.',
  },
  PARLEY_MEDIA_SWEEP_INTERVAL_MS: {
    type: integer(100, 24 * hour, 'milliseconds'),
    default: '600000',
    description: 'How often unused media are swept; an object unused in two consecutive sweeps is removed.',
  },
  PARLEY_ERASURE_DELAY_MS: {
    type: integer(0, minute, 'milliseconds'),
    default: '10000',
    description:
      'From the deletion of a conversation to the erasure of its content from the log and its media from the store. With media it takes 15 s longer.',
  },
  PARLEY_ALLOWED_TIME_ZONES: {
    type: listOf(matching('an IANA name in which * stands for any characters', /^[A-Za-z0-9_+\-/*]{1,64}$/)),
    default: '*',
    description: 'Time zones served, e.g. `Asia/*,Europe/Paris`; others are refused with TIME_ZONE_REFUSED.',
  },
  ...providerSettings,
  PARLEY_PROVIDER_TOTAL_TIMEOUT_MS: {
    type: integer(10, 24 * hour, 'milliseconds'),
    default: '300000',
    description: 'Timeout of a whole call to the provider.',
  },
  PARLEY_MAX_ATTEMPTS: {
    type: integer(1, 20, 'attempts'),
    default: '20',
    description:
      'Calls to the provider for one message before it fails with PROVIDER_FAILED or PROVIDER_TIMEOUT. With the default the delays between calls that fail at once are 72 s or more in total.',
  },
  PARLEY_RETRY_MS: {
    type: integer(0, hour, 'milliseconds'),
    default: '75000',
    description:
      'Retry deadline of a message, from its first failed call to the provider: longer than a model server takes to restart. Meanwhile the message counts as in processing, and can be stopped.',
  },
  PARLEY_LOG_LEVEL: {
    type: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    default: 'info',
    description: 'Minimum level of log lines.',
  },
  PARLEY_LOG_FORMAT: {
    type: oneOf('auto', 'json', 'pretty'),
    default: 'auto',
    description: 'Format of log lines; `auto`: pretty on a terminal, else JSON.',
  },
  PARLEY_DRAIN_TIMEOUT_MS: {
    type: integer(0, shutdownMs - shutdownReserveMs, 'milliseconds'),
    default: '8000',
    description: 'How long work in flight may continue after SIGTERM; the whole shutdown takes at most 10 s.',
  },
  PARLEY_INSTANCE_ID: {
    type: matching('1 to 64 of A-Z, a-z, 0-9, ., _ and -', /^[A-Za-z0-9._-]{1,64}$/),
    default: '',
    description:
      "Unique id of this process in a distributed deployment, such as the pod's name. A gateway whose id is in use does not start. A gateway that restarts with its id after a crash ends its former sessions within seconds. Default: random.",
  },
  PARLEY_KAFKA_BROKERS: {
    type: listOf(matching('host:port', /^(\[[0-9a-fA-F:.]+\]|[0-9a-zA-Z._-]+):\d{1,5}$/)),
    default: '',
    description: 'The brokers of the event log. Required by the distributed profile.',
  },
  PARLEY_KAFKA_REPLICATION_FACTOR: {
    type: integer(1, 9, 'replicas'),
    default: '3',
    description:
      'Replication factor of the topics that Parley creates; `min.insync.replicas` is one less. With 1, accepted messages survive the death of the broker, but no power cut.',
  },
  PARLEY_KAFKA_TLS: {
    type: boolean,
    default: 'false',
    description: 'Connect to the brokers by TLS; Node must trust their CA (NODE_EXTRA_CA_CERTS).',
  },
  PARLEY_KAFKA_SASL: {
    type: oneOf('none', 'plain', 'scram-sha-256', 'scram-sha-512'),
    default: 'none',
    description: 'SASL mechanism for the brokers.',
  },
  PARLEY_KAFKA_USERNAME: {
    type: text('a user name', 200),
    default: '',
    description: 'Required unless `PARLEY_KAFKA_SASL` is `none`.',
  },
  PARLEY_KAFKA_PASSWORD: {
    type: text('a password', 1_000),
    default: '',
    description: 'Required unless `PARLEY_KAFKA_SASL` is `none`.',
    secret: true,
  },
  PARLEY_MONGODB_URI: {
    type: matching('a mongodb:// or mongodb+srv:// URI', /^mongodb(\+srv)?:\/\/\S{1,2000}$/),
    default: '',
    description:
      'MongoDB of the read models, and of the accounts by default. The database is that of the URI, else the prefix. Required by the distributed profile.',
    secret: true,
  },
  PARLEY_ACCOUNTS_MONGODB_URI: {
    type: matching('a mongodb:// or mongodb+srv:// URI', /^mongodb(\+srv)?:\/\/\S{1,2000}$/),
    default: '',
    description:
      'MongoDB of the accounts and of the keys that sign their tokens, so that workers and projectors cannot read them. Default: `PARLEY_MONGODB_URI`.',
    secret: true,
    usedBy: ['gateway'],
  },
  PARLEY_NATS_SERVERS: {
    type: listOf(matching('a nats:// or tls:// URL', /^(nats|tls):\/\/[^\s,]{1,500}$/)),
    default: '',
    description: 'NATS servers of the live bus. Required by gateways and workers of the distributed profile.',
    secret: true,
    usedBy: ['gateway', 'worker'],
  },
  PARLEY_S3_ENDPOINT: {
    type: httpUrl,
    default: '',
    description: 'Endpoint of the media store for servers. Default: AWS in the region.',
  },
  PARLEY_S3_PUBLIC_ENDPOINT: {
    type: httpUrl,
    default: '',
    description: 'Endpoint of the media store for clients, used in media URLs. Default: `PARLEY_S3_ENDPOINT`.',
  },
  PARLEY_S3_BUCKET: {
    type: matching('3 to 63 of a-z, 0-9, . and -', /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/),
    default: '',
    description: 'The bucket of the media. Default: the prefix followed by `-media`.',
  },
  PARLEY_S3_REGION: {
    type: matching('a region', /^[a-z0-9-]{1,50}$/),
    default: 'us-east-1',
    description: 'Region of the bucket.',
  },
  PARLEY_S3_ACCESS_KEY_ID: {
    type: text('a key id', 200),
    default: '',
    description: "Default: the SDK's credential chain, such as the machine's role.",
  },
  PARLEY_S3_SECRET_ACCESS_KEY: {
    type: text('a key', 1_000),
    default: '',
    description: 'Secret of that key id.',
    secret: true,
  },
  PARLEY_S3_CORS_ORIGINS: {
    type: listOf(matching('an origin such as https://chat.example.org, or *', /^(\*|https?:\/\/[^\s,/]{1,300})$/)),
    default: '*',
    description: 'Origins whose pages may GET and PUT media; access to an object needs its signed URL.',
  },
  PARLEY_OTLP_ENDPOINT: {
    type: httpUrl,
    default: '',
    description: 'OTLP/HTTP endpoint of traces; `/v1/traces` is appended. Default: no tracing.',
  },
  PARLEY_TRACE_PERCENT: {
    type: integer(0, 100, 'percent'),
    default: '100',
    description: 'Percentage of messages traced, unless the client sends `traceparent`.',
  },
} as const satisfies Record<string, Setting<unknown>>;

export type SettingName = keyof typeof settings;

/** Whether a process of these roles uses the setting. */
export function isUsed(name: SettingName, roles: readonly Role[]): boolean {
  const { usedBy }: Setting<unknown> = settings[name];
  return usedBy === undefined || usedBy.some((role) => roles.includes(role));
}

/** Every setting's value; undefined where nothing was given and there is no default. */
export type Values = {
  readonly [N in SettingName]: (typeof settings)[N] extends { default: ''; type: ValueType<infer T> }
    ? T | undefined
    : (typeof settings)[N]['type'] extends ValueType<infer T>
      ? T
      : never;
};
