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

/** 64 TiB: more than a disk has. */
const maxConfigurableDiskBytes = 2 ** 46;

/** Every setting there is, in the order of the page written from it. */
export const settings = {
  PARLEY_PROFILE: {
    type: oneOf('embedded', 'distributed'),
    default: 'embedded',
    description: 'Whether one process does everything with files of its own, or many share Kafka, MongoDB and NATS.',
  },
  PARLEY_ROLES: {
    type: listOf(oneOf('gateway', 'worker', 'projector')),
    default: 'gateway,worker,projector',
    description: 'What this process does. In the embedded profile it does all three.',
  },
  PARLEY_GRPC_LISTEN: {
    type: listenAddress,
    default: '127.0.0.1:50051',
    description: 'Where gRPC is served.',
  },
  PARLEY_HTTP_LISTEN: {
    type: listenAddress,
    default: '127.0.0.1:8080',
    description: 'Where the web client, gRPC-Web, media, `/docs`, `/metrics`, `/healthz` and `/readyz` are served.',
  },
  PARLEY_DATA_DIR: {
    type: text('a folder', 1_000),
    default: './data',
    description:
      'The folder of the log, the read models, the accounts and the media, of its owner only (0700, its files 0600). One process at a time holds it.',
  },
  PARLEY_PREFIX: {
    type: matching('1 to 32 of a-z, 0-9 and -, beginning with a letter', /^[a-z][a-z0-9-]{0,31}$/),
    default: 'parley',
    description: 'Begins the name of every topic, group, subject, bucket and collection of this deployment.',
  },
  PARLEY_AUTH: {
    type: oneOf('none', 'accounts', 'oidc'),
    default: 'none',
    description: 'How clients prove who they are. With `none`, only loopback addresses may be listened on.',
  },
  PARLEY_ALLOW_INSECURE: {
    type: boolean,
    default: 'false',
    description:
      'Listen beyond loopback although clients prove nothing, or although passwords and tokens can be read on the way: for tests alone.',
  },
  PARLEY_REFLECTION: {
    type: oneOf('auto', 'on', 'off'),
    default: 'auto',
    description:
      'Whether whoever asks is shown the contract: gRPC reflection, and `/docs`. `auto`: on with `PARLEY_AUTH=none` and where both ports listen on loopback only, off elsewhere. Calls, health and the web client are the same without.',
  },
  PARLEY_HTTP_PUBLIC_URL: {
    type: httpUrl,
    default: '',
    description:
      'The HTTP port as clients reach it, without a slash at its end: begins the URLs of media. Default: the address listened on.',
  },
  PARLEY_WEB_ORIGINS: {
    type: listOf(webOrigin),
    default: '',
    description:
      'Web pages of other origins that may call by gRPC-Web on the HTTP port. Without it only its own pages may, and with `PARLEY_AUTH=none` only those reached by an IP address, localhost or the name in `PARLEY_HTTP_PUBLIC_URL`.',
  },
  PARLEY_TRUSTED_PROXIES: {
    type: listOf(addressRange),
    default: '',
    description:
      'Proxies before this server, e.g. `10.0.3.0/28`; whoever reaches it from one of these addresses may say which address a call comes from. Attempts to sign in are counted by address: that which the proxy appended to `x-forwarded-for`, or the sender of a call that comes from no proxy.',
  },
  PARLEY_TRUSTED_HOPS: {
    type: integer(1, 10, 'proxies'),
    default: '1',
    description:
      'Proxies of `PARLEY_TRUSTED_PROXIES` that a call comes through, one after another. So many addresses of `x-forwarded-for` are read at most, from its end, and only while the one that wrote them is a trusted proxy: what a client wrote before them is never believed.',
  },
  PARLEY_SIGN_UP: {
    type: oneOf('open', 'closed'),
    default: 'open',
    description: 'Whether anybody may sign up with `PARLEY_AUTH=accounts`, or only `parley user add` makes accounts.',
  },
  PARLEY_SIGN_UPS_PER_ADDRESS: {
    type: integer(1, 1_000_000, 'accounts'),
    default: '20',
    description:
      'Accounts that one address (of IPv6: one /64) may make at once at each gateway, and again within an hour, evenly spread; one more is refused as TOO_MANY_SIGN_UPS. Behind a proxy that `PARLEY_TRUSTED_PROXIES` does not name, all clients are one address.',
  },
  PARLEY_ACCESS_TOKEN_LIFETIME_MS: {
    type: integer(10 * second, 24 * hour, 'milliseconds'),
    default: '900000',
    description: 'How long an access token of `accounts` works.',
  },
  PARLEY_REFRESH_TOKEN_LIFETIME_MS: {
    type: integer(minute, 366 * 24 * hour, 'milliseconds'),
    default: '2592000000',
    description: 'How long a refresh token works when it is not used; each use gives a new one.',
  },
  PARLEY_TOKEN_KEY_LIFETIME_MS: {
    type: integer(hour, 366 * 24 * hour, 'milliseconds'),
    default: '2592000000',
    description: 'How long a key signs access tokens before the next one does.',
  },
  PARLEY_OIDC_ISSUER: {
    type: httpUrl,
    default: '',
    description:
      'The OpenID Connect issuer whose tokens are taken; its keys are found by discovery. Required by `oidc`.',
  },
  PARLEY_OIDC_AUDIENCE: {
    type: text('an audience', 500),
    default: '',
    description:
      'What `aud` of a token must name: this API, not a client that people log in with, whose ID tokens would be taken too. Required by `oidc`.',
  },
  PARLEY_OIDC_CLIENT_ID_CLAIM: {
    type: matching('the name of a claim', /^[A-Za-z0-9_.:/-]{1,100}$/),
    default: 'sub',
    description: 'The claim of a token that is the client id.',
  },
  PARLEY_OIDC_OPERATOR: {
    type: matching('claim=value', /^[A-Za-z0-9_.:/-]{1,100}=[^\s=]{1,100}$/),
    default: 'scope=parley.operator',
    description:
      'The claim and value that make the caller an operator; the claim may be one text, a list, or words divided by spaces.',
  },
  PARLEY_OIDC_WEB_CLIENT_ID: {
    type: text('a client id', 500),
    default: '',
    description:
      "The client id under which the web client is registered with the issuer (a public client with PKCE; redirect URI: the page's own URL).",
  },
  PARLEY_OIDC_WEB_SCOPES: {
    type: listOf(matching('a scope', /^[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]{1,200}$/)),
    default: 'openid',
    description: 'What the web client asks the issuer for.',
  },
  PARLEY_TLS_CERT_FILE: {
    type: text('a file', 1_000),
    default: '',
    description: 'Certificate chain (PEM) of both ports; read again when it changes. Without it neither port uses TLS.',
  },
  PARLEY_TLS_KEY_FILE: {
    type: text('a file', 1_000),
    default: '',
    description: 'Its private key (PEM).',
  },
  PARLEY_TLS_CLIENT_CA_FILE: {
    type: text('a file', 1_000),
    default: '',
    description: 'Authorities (PEM) of client certificates. With it, clients of the gRPC port must show one.',
  },
  PARLEY_TLS_TERMINATION: {
    type: oneOf('server', 'proxy'),
    default: 'server',
    description:
      'Where the TLS of clients ends. A gateway that listens beyond loopback with `accounts` or `oidc` starts with a certificate of its own only, unless this is `proxy`: then a proxy in the same pod, on the same host, or on a network that nobody else can read ends it, and nobody reaches the ports past it.',
  },
  PARLEY_HSTS_SUBDOMAINS: {
    type: boolean,
    default: 'false',
    description:
      'With TLS, tell browsers to come by TLS alone to all subdomains of the name in their address bar as well (`includeSubDomains`), for a year: only where each of them speaks TLS.',
  },
  PARLEY_MAX_CONNECTIONS: {
    type: integerOr(10, 1_000_000, 'auto'),
    default: 'auto',
    description:
      'Connections of one port at once; the one that has asked for nothing for longest gives way to a further one. `auto`: two for each client that may be connected or in line, and 1,000.',
  },
  PARLEY_MAX_CONNECTIONS_PER_ADDRESS: {
    type: integerOr(1, 1_000_000, 'auto'),
    default: 'auto',
    description:
      'Those that one IPv4 address or IPv6 network (/64) may have of them, if it is not in `PARLEY_TRUSTED_PROXIES`. `auto`: 1,000, an office behind one address; where both ports listen on loopback only, all of them, for then every client has the same address.',
  },
  PARLEY_MAX_STREAMS_PER_CONNECTION: {
    type: integer(10, 100_000, 'streams'),
    default: '100',
    description:
      'Calls that one HTTP/2 connection may have open. Clients that have more wait or open another connection, as Envoy does.',
  },
  PARLEY_CONNECTION_IDLE_MS: {
    type: integer(second, 24 * hour, 'milliseconds'),
    default: '300000',
    description:
      'An HTTP/2 connection without a call for this long is closed; its client connects again when it has one.',
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
      'Clients of one address (of IPv6: one /64) that may have a session at one gateway, open or in line; one more is refused as TOO_MANY_SESSIONS. Each gateway counts for itself. `auto`: a fifth of `PARLEY_MAX_CLIENTS`; none where both ports listen on loopback only, and none for calls with `x-forwarded-for` that come from a private address while `PARLEY_TRUSTED_PROXIES` is empty: they come by a proxy that nobody named, and all clients have its address.',
  },
  PARLEY_MAX_WAITING_CLIENTS: {
    type: integer(0, 100_000, 'clients'),
    default: '1000',
    description: 'Clients that may stand in line for a slot; 0: no line.',
  },
  PARLEY_MAX_WAIT_FOR_SLOT_MS: {
    type: integer(0, hour, 'milliseconds'),
    default: '30000',
    description: 'The longest that a client stands in line, whatever it asks for.',
  },
  PARLEY_MAX_PROCESSING: {
    type: integer(1, 100_000, 'messages'),
    default: '500',
    description: 'Messages in processing at once. Each partition may use an equal part of it, rounded down.',
  },
  PARLEY_PARTITIONS: {
    type: integer(1, 1_000, 'partitions'),
    default: '10',
    description: 'Partitions of the conversations topic. Cannot be changed once there is a log.',
  },
  PARLEY_MAX_PENDING_PER_CLIENT: {
    type: integer(1, 10_000, 'messages'),
    default: '10',
    description: 'Unanswered messages of one client; one more is rejected as TOO_MANY_PENDING.',
  },
  PARLEY_WRITES_PER_CLIENT_PER_MINUTE: {
    type: integer(1, 1_000_000, 'writes'),
    default: '600',
    description:
      'What one client may do at once at each gateway, and again within a minute, evenly spread, of what is written or stored beside messages: open sessions, begin conversations, stop replies, rename, delete, create uploads. One more is refused as TOO_MANY_WRITES.',
  },
  PARLEY_WRITES_PER_ADDRESS_PER_MINUTE: {
    type: integer(1, 1_000_000, 'writes'),
    default: '6000',
    description:
      'The same for all clients of one IPv4 address or IPv6 network (/64) together. Not counted on loopback, nor for a proxy that `PARLEY_TRUSTED_PROXIES` does not name: there all clients have one address.',
  },
  PARLEY_MESSAGES_PER_CLIENT_PER_MINUTE: {
    type: integer(1, 10_000_000, 'messages'),
    default: '12000',
    description:
      'Messages that one client may send at once at each gateway, and again within a minute, evenly spread; one more is rejected as TOO_MANY_MESSAGES. One that is sent again under its id is not counted.',
  },
  PARLEY_MAX_HISTORY_BYTES_PER_CLIENT: {
    type: integerOr(1, maxConfigurableDiskBytes, 'off'),
    default: 'off',
    description:
      'Bytes of the conversations of one client: their text, and 256 for each message and reply. One more message is rejected as HISTORY_QUOTA_EXCEEDED, until conversations are deleted. `off`: no limit.',
  },
  PARLEY_MAX_PROCESSING_PER_CONVERSATION: {
    type: integer(1, 1_000, 'messages'),
    default: '1',
    description: 'Messages of one conversation in processing at once. More than 1 is for bots without memory.',
  },
  PARLEY_FIRST_MESSAGE_DEADLINE_MS: {
    type: integer(second, 24 * hour, 'milliseconds'),
    default: '60000',
    description: 'A session that says nothing for this long after Welcome ends with FIRST_MESSAGE_TIMEOUT.',
  },
  PARLEY_HEARTBEAT_INTERVAL_MS: {
    type: integer(100, hour, 'milliseconds'),
    default: '15000',
    description: 'How often clients are asked to ping.',
  },
  PARLEY_STALE_AFTER_MS: {
    type: integer(second, 24 * hour, 'milliseconds'),
    default: '45000',
    description:
      'A session of which nothing was heard for this long ends with STALE. More than two heartbeat intervals.',
  },
  PARLEY_MAX_TEXT_BYTES: {
    type: integer(1, maxConfigurableTextBytes, 'bytes of UTF-8'),
    default: '32768',
    description: 'The longest text of a message; a longer one is rejected as TEXT_TOO_LONG.',
  },
  PARLEY_MAX_INLINE_BYTES: {
    type: integer(0, maxConfigurableInlineBytes, 'bytes'),
    default: '1048576',
    description: 'The largest voice, video or picture sent in the stream; a larger one needs an upload.',
  },
  PARLEY_MAX_MEDIA_BYTES: {
    type: integer(1, 10 * 1_024 * 1_024 * 1_024, 'bytes'),
    default: '104857600',
    description: 'The largest uploaded object; a larger one is refused as MEDIA_TOO_LARGE.',
  },
  PARLEY_MIN_FREE_DISK_BYTES: {
    type: integer(0, maxConfigurableDiskBytes, 'bytes'),
    default: '1073741824',
    description:
      'What the disk of the data folder has left at least for the log: media that would leave less are refused as MEDIA_STORE_FULL. 0: media may fill it. In the distributed profile media are not here.',
  },
  PARLEY_MAX_MEDIA_BYTES_PER_CLIENT: {
    type: integerOr(1, maxConfigurableDiskBytes, 'off'),
    default: '1073741824',
    description:
      'Bytes of media that are kept for one client: what it has uploaded, used or not, and what replies to it have; more are refused as MEDIA_QUOTA_EXCEEDED, until conversations that have media are deleted. `off`: no limit.',
  },
  PARLEY_MAX_MEDIA_BYTES_IN_ALL: {
    type: integerOr(1, maxConfigurableDiskBytes, 'off'),
    default: 'off',
    description:
      'Bytes of all media in the data folder; more are refused as MEDIA_STORE_FULL. Not in the distributed profile: there the bucket may have a limit.',
  },
  PARLEY_UPLOAD_LIFETIME_MS: {
    type: integer(second, 24 * hour, 'milliseconds'),
    default: '3600000',
    description:
      'How long an upload URL works, and how long an object may wait to be named in a message before it is removed.',
  },
  PARLEY_MEDIA_URL_LIFETIME_MS: {
    type: integer(second, 24 * hour, 'milliseconds'),
    default: '900000',
    description: 'How long a URL to fetch media works; a new one is made at each read.',
  },
  PARLEY_MEDIA_SWEEP_INTERVAL_MS: {
    type: integer(100, 24 * hour, 'milliseconds'),
    default: '600000',
    description: 'How often unused media are looked for; one that is unused at two looks in a row is removed.',
  },
  PARLEY_ERASURE_DELAY_MS: {
    type: integer(0, minute, 'milliseconds'),
    default: '10000',
    description:
      'From the deletion of a conversation until its words are taken out of the log and its media out of the store; what was under way is in the log by then. With media it takes 15 s longer.',
  },
  PARLEY_ALLOWED_TIME_ZONES: {
    type: listOf(matching('an IANA name in which * stands for any characters', /^[A-Za-z0-9_+\-/*]{1,64}$/)),
    default: '*',
    description: 'The time zones served, e.g. `Asia/*,Europe/Paris`; others are refused as TIME_ZONE_REFUSED.',
  },
  ...providerSettings,
  PARLEY_PROVIDER_TOTAL_TIMEOUT_MS: {
    type: integer(10, 24 * hour, 'milliseconds'),
    default: '300000',
    description: 'Of one whole call to the provider.',
  },
  PARLEY_MAX_ATTEMPTS: {
    type: integer(1, 20, 'attempts'),
    default: '20',
    description:
      'Calls to the provider for one message before it is given up as PROVIDER_FAILED or PROVIDER_TIMEOUT. With the default the waits between calls that fail at once take 72 s or more in all.',
  },
  PARLEY_RETRY_MS: {
    type: integer(0, hour, 'milliseconds'),
    default: '75000',
    description:
      'From the first failed call to the provider for a message to the last one, if there may be so many: longer than a model server takes to start again. The message keeps its place among those in processing until then, and can be stopped.',
  },
  PARLEY_LOG_LEVEL: {
    type: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    default: 'info',
    description: "The least severe of the process's own log lines that is written.",
  },
  PARLEY_LOG_FORMAT: {
    type: oneOf('auto', 'json', 'pretty'),
    default: 'auto',
    description: 'Of those lines; `auto` is pretty on a terminal and JSON elsewhere.',
  },
  PARLEY_DRAIN_TIMEOUT_MS: {
    type: integer(0, shutdownMs - shutdownReserveMs, 'milliseconds'),
    default: '8000',
    description: 'How long work in flight may go on after SIGTERM; the whole shutdown takes at most 10 s.',
  },
  PARLEY_INSTANCE_ID: {
    type: matching('1 to 64 of A-Z, a-z, 0-9, ., _ and -', /^[A-Za-z0-9._-]{1,64}$/),
    default: '',
    description:
      'The name of this process among those of a distributed deployment, such as that of its pod; no two may have the same at once: a gateway whose name another one has does not start. One that starts again after a crash ends its former sessions within seconds. Default: a new one at each start.',
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
      'Brokers that hold each record of the topics that Parley makes; all but one of them must have it before it counts. With 1, what was accepted survives the death of the broker, but no power cut.',
  },
  PARLEY_KAFKA_TLS: {
    type: boolean,
    default: 'false',
    description: 'Speak TLS with the brokers; their certificates must be known to Node (NODE_EXTRA_CA_CERTS).',
  },
  PARLEY_KAFKA_SASL: {
    type: oneOf('none', 'plain', 'scram-sha-256', 'scram-sha-512'),
    default: 'none',
    description: 'How this process proves to the brokers who it is.',
  },
  PARLEY_KAFKA_USERNAME: {
    type: text('a user name', 200),
    default: '',
    description: 'Required where `PARLEY_KAFKA_SASL` is not none.',
  },
  PARLEY_KAFKA_PASSWORD: {
    type: text('a password', 1_000),
    default: '',
    description: 'Required where `PARLEY_KAFKA_SASL` is not none.',
    secret: true,
  },
  PARLEY_MONGODB_URI: {
    type: matching('a mongodb:// or mongodb+srv:// URI', /^mongodb(\+srv)?:\/\/\S{1,2000}$/),
    default: '',
    description:
      'The database server of the read models, and of the accounts where they have none of their own. The database is the one that the URI names, or that of the prefix. Required by the distributed profile.',
    secret: true,
  },
  PARLEY_ACCOUNTS_MONGODB_URI: {
    type: matching('a mongodb:// or mongodb+srv:// URI', /^mongodb(\+srv)?:\/\/\S{1,2000}$/),
    default: '',
    description:
      'The database of the accounts and of the keys that sign their tokens: workers and projectors, which have `PARLEY_MONGODB_URI` only, cannot read it. Default: `PARLEY_MONGODB_URI`.',
    secret: true,
    usedBy: ['gateway'],
  },
  PARLEY_NATS_SERVERS: {
    type: listOf(matching('a nats:// or tls:// URL', /^(nats|tls):\/\/[^\s,]{1,500}$/)),
    default: '',
    description: 'The live bus. Required by gateways and workers of the distributed profile.',
    secret: true,
    usedBy: ['gateway', 'worker'],
  },
  PARLEY_S3_ENDPOINT: {
    type: httpUrl,
    default: '',
    description: 'The media store, as servers reach it. Default: that of AWS in the region.',
  },
  PARLEY_S3_PUBLIC_ENDPOINT: {
    type: httpUrl,
    default: '',
    description: 'The media store, as clients reach it: begins the URLs of media. Default: `PARLEY_S3_ENDPOINT`.',
  },
  PARLEY_S3_BUCKET: {
    type: matching('3 to 63 of a-z, 0-9, . and -', /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/),
    default: '',
    description: 'The bucket of the media. Default: the prefix followed by `-media`.',
  },
  PARLEY_S3_REGION: {
    type: matching('a region', /^[a-z0-9-]{1,50}$/),
    default: 'us-east-1',
    description: 'Of the bucket.',
  },
  PARLEY_S3_ACCESS_KEY_ID: {
    type: text('a key id', 200),
    default: '',
    description: "Default: the SDK's own search, such as the role of the machine.",
  },
  PARLEY_S3_SECRET_ACCESS_KEY: {
    type: text('a key', 1_000),
    default: '',
    description: 'Of that key id.',
    secret: true,
  },
  PARLEY_S3_CORS_ORIGINS: {
    type: listOf(matching('an origin such as https://chat.example.org, or *', /^(\*|https?:\/\/[^\s,/]{1,300})$/)),
    default: '*',
    description:
      'Web pages that may fetch and PUT media by their URLs. What opens an object is its signed URL, not the page that uses it.',
  },
  PARLEY_OTLP_ENDPOINT: {
    type: httpUrl,
    default: '',
    description: 'Where traces are sent, by OTLP over HTTP; `/v1/traces` is added. Default: nothing is traced.',
  },
  PARLEY_TRACE_PERCENT: {
    type: integer(0, 100, 'percent'),
    default: '100',
    description: 'Of the messages that are traced, where a client does not say itself by `traceparent`.',
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
