import type { Setting } from './setting.ts';
import { isUsed, type SettingName, settings, type Values } from './settings.ts';
import { isLoopback } from './value-types.ts';

type DeepReadonly<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;

/** Everything that can be set, checked, and frozen through and through. */
export type Config = DeepReadonly<ReturnType<typeof assemble>>;
export type AuthConfig = Config['auth'];
export type AccountsConfig = Extract<AuthConfig, { kind: 'accounts' }>;
export type TlsConfig = NonNullable<Config['tls']>;
export type ProviderConfig = Config['provider'];
export type DistributedConfig = NonNullable<Config['distributed']>;
export type S3Config = DistributedConfig['s3'];

/** The configuration of values that are checked: the names of the environment become those of the code. */
export function assemble(v: Values) {
  return {
    profile: v.PARLEY_PROFILE,
    /** undefined in the embedded profile. */
    distributed: assembleDistributed(v),
    /** undefined: nothing is traced. */
    tracing: assembleTracing(v),
    roles: v.PARLEY_ROLES,
    /** Names of secrets that this process was given and that none of its roles uses. */
    unusedSecrets: unusedSecrets(v),
    grpcListen: v.PARLEY_GRPC_LISTEN,
    httpListen: v.PARLEY_HTTP_LISTEN,
    /** As given: relative to the working directory unless absolute. */
    dataDir: v.PARLEY_DATA_DIR,
    prefix: v.PARLEY_PREFIX,
    /** Of web pages that may call, besides this server's own. */
    webOrigins: v.PARLEY_WEB_ORIGINS ?? [],
    /** Addresses and ranges (`10.0.0.0/8`) whose word on where a call comes from is taken. */
    trustedProxies: v.PARLEY_TRUSTED_PROXIES ?? [],
    /** How many of those a call comes through at most: entries of `x-forwarded-for` that are read, from its end. */
    trustedHops: v.PARLEY_TRUSTED_HOPS,
    /** Whether a call from a private address that was passed on counts as a proxy's, though nobody named it: of no one client. */
    allowUnnamedProxies: v.PARLEY_MAX_SESSIONS_PER_ADDRESS === 'auto' && v.PARLEY_TRUSTED_PROXIES === undefined,
    auth: assembleAuth(v),
    /** Whether whoever asks is shown the contract: gRPC reflection, and `/docs`. */
    reflection: v.PARLEY_REFLECTION === 'auto' ? v.PARLEY_AUTH === 'none' || isLocal(v) : v.PARLEY_REFLECTION === 'on',
    /** undefined: neither port uses TLS. */
    tls: assembleTls(v),
    /** A proxy ends the clients' TLS, and nobody reaches the ports past it. */
    isTlsEndedByProxy: v.PARLEY_TLS_TERMINATION === 'proxy',
    connections: assembleConnections(v),
    limits: assembleLimits(v),
    media: {
      /** The HTTP port as clients reach it, without a slash at its end; '': the address listened on. */
      publicUrl: v.PARLEY_HTTP_PUBLIC_URL ?? '',
      /** What the disk of the data folder has left at least, for the log. */
      minFreeDiskBytes: v.PARLEY_MIN_FREE_DISK_BYTES,
      /** Of the media that are kept for one client; undefined: any number. */
      maxBytesPerClient: limitOf(v.PARLEY_MAX_MEDIA_BYTES_PER_CLIENT),
      /** Of all media in a folder; undefined: any number. */
      maxBytesInAll: limitOf(v.PARLEY_MAX_MEDIA_BYTES_IN_ALL),
      uploadLifetimeMs: v.PARLEY_UPLOAD_LIFETIME_MS,
      urlLifetimeMs: v.PARLEY_MEDIA_URL_LIFETIME_MS,
      sweepIntervalMs: v.PARLEY_MEDIA_SWEEP_INTERVAL_MS,
      erasureDelayMs: v.PARLEY_ERASURE_DELAY_MS,
    },
    /** IANA names, in which `*` stands for any characters. */
    allowedTimeZones: v.PARLEY_ALLOWED_TIME_ZONES,
    provider: assembleProvider(v),
    worker: {
      /** From the call to the first piece, per attempt. */
      firstPieceTimeoutMs: v.PARLEY_PROVIDER_FIRST_PIECE_TIMEOUT_MS,
      /** Between two pieces. */
      pieceTimeoutMs: v.PARLEY_PROVIDER_PIECE_TIMEOUT_MS,
      /** Of each voice or picture, and of listening. */
      mediaTimeoutMs: v.PARLEY_PROVIDER_MEDIA_TIMEOUT_MS,
      /** Of a whole attempt. */
      totalTimeoutMs: v.PARLEY_PROVIDER_TOTAL_TIMEOUT_MS,
      /** Calls to the provider for one message before it is given up. */
      maxAttempts: v.PARLEY_MAX_ATTEMPTS,
      /** From the first failed call for a message to the last one. */
      retryMs: v.PARLEY_RETRY_MS,
    },
    /** Format `auto`: pretty on a terminal, JSON lines elsewhere. */
    log: { level: v.PARLEY_LOG_LEVEL, format: v.PARLEY_LOG_FORMAT },
    /** How long work in flight may go on after SIGTERM. */
    drainTimeoutMs: v.PARLEY_DRAIN_TIMEOUT_MS,
  };
}

function unusedSecrets(v: Values): readonly string[] {
  const rows = Object.entries<Setting<unknown>>(settings) as [SettingName, Setting<unknown>][];
  return rows.flatMap(([name, { secret }]) =>
    secret && v[name] !== undefined && !isUsed(name, v.PARLEY_ROLES) ? [name] : [],
  );
}

/** What many processes share. */
function assembleDistributed(v: Values) {
  if (v.PARLEY_PROFILE !== 'distributed') return undefined;
  return {
    /** '': a new one at each start. */
    instanceId: v.PARLEY_INSTANCE_ID ?? '',
    kafka: {
      brokers: v.PARLEY_KAFKA_BROKERS ?? [],
      replicationFactor: v.PARLEY_KAFKA_REPLICATION_FACTOR,
      tls: v.PARLEY_KAFKA_TLS,
      /** undefined: this process proves nothing. */
      sasl: assembleSasl(v),
    },
    /** Secret. */
    mongodbUri: v.PARLEY_MONGODB_URI ?? '',
    /** Secret: of the accounts. */
    accountsMongodbUri: v.PARLEY_ACCOUNTS_MONGODB_URI ?? v.PARLEY_MONGODB_URI ?? '',
    /** Secret; empty where no role of this process uses the live bus. */
    natsServers: v.PARLEY_NATS_SERVERS ?? [],
    s3: assembleS3(v),
  };
}

function assembleSasl(v: Values) {
  if (v.PARLEY_KAFKA_SASL === 'none') return undefined;
  return {
    mechanism: v.PARLEY_KAFKA_SASL,
    username: v.PARLEY_KAFKA_USERNAME ?? '',
    /** Secret. */
    password: v.PARLEY_KAFKA_PASSWORD ?? '',
  };
}

function assembleS3(v: Values) {
  const { PARLEY_S3_ACCESS_KEY_ID: accessKeyId, PARLEY_S3_SECRET_ACCESS_KEY: secretAccessKey } = v;
  return {
    /** As servers reach it, without a slash at its end; '': AWS, in the region. */
    endpoint: v.PARLEY_S3_ENDPOINT ?? '',
    /** As clients reach it; '': the same. */
    publicEndpoint: v.PARLEY_S3_PUBLIC_ENDPOINT ?? '',
    bucket: v.PARLEY_S3_BUCKET ?? `${v.PARLEY_PREFIX}-media`,
    region: v.PARLEY_S3_REGION,
    /** undefined: the SDK looks for them. */
    credentials:
      accessKeyId === undefined || secretAccessKey === undefined ? undefined : { accessKeyId, secretAccessKey },
    /** Of web pages; `*` is any. */
    corsOrigins: v.PARLEY_S3_CORS_ORIGINS,
  };
}

function assembleTracing(v: Values) {
  if (v.PARLEY_OTLP_ENDPOINT === undefined) return undefined;
  return {
    /** Without `/v1/traces`. */
    otlpEndpoint: v.PARLEY_OTLP_ENDPOINT,
    /** 0 to 1. */
    ratio: v.PARLEY_TRACE_PERCENT / 100,
  };
}

function assembleAuth(v: Values) {
  switch (v.PARLEY_AUTH) {
    case 'none':
      return { kind: v.PARLEY_AUTH };
    case 'accounts':
      return {
        kind: v.PARLEY_AUTH,
        signUpOpen: v.PARLEY_SIGN_UP === 'open',
        signUpsPerAddress: v.PARLEY_SIGN_UPS_PER_ADDRESS,
        accessTokenLifetimeMs: v.PARLEY_ACCESS_TOKEN_LIFETIME_MS,
        refreshTokenLifetimeMs: v.PARLEY_REFRESH_TOKEN_LIFETIME_MS,
        keyLifetimeMs: v.PARLEY_TOKEN_KEY_LIFETIME_MS,
      };
    case 'oidc': {
      const operator = v.PARLEY_OIDC_OPERATOR;
      const at = operator.indexOf('=');
      return {
        kind: v.PARLEY_AUTH,
        issuer: v.PARLEY_OIDC_ISSUER ?? '',
        audience: v.PARLEY_OIDC_AUDIENCE ?? '',
        clientIdClaim: v.PARLEY_OIDC_CLIENT_ID_CLAIM,
        operatorClaim: operator.slice(0, at),
        operatorValue: operator.slice(at + 1),
        /** '': clients have no groups. */
        groupClaim: v.PARLEY_OIDC_GROUP_CLAIM ?? '',
        clockToleranceMs: v.PARLEY_OIDC_CLOCK_TOLERANCE_MS,
        /** '': the web client is not registered with the issuer. */
        webClientId: v.PARLEY_OIDC_WEB_CLIENT_ID ?? '',
        webScopes: v.PARLEY_OIDC_WEB_SCOPES,
      };
    }
    default:
      return v.PARLEY_AUTH satisfies never;
  }
}

/** Files in PEM. */
function assembleTls(v: Values) {
  const { PARLEY_TLS_CERT_FILE: certFile, PARLEY_TLS_KEY_FILE: keyFile } = v;
  if (certFile === undefined || keyFile === undefined) return undefined;
  return {
    certFile,
    keyFile,
    /** '': clients show no certificate. */
    clientCaFile: v.PARLEY_TLS_CLIENT_CA_FILE ?? '',
    /** Browsers that have come by TLS come to subdomains by TLS alone, too. */
    hstsSubdomains: v.PARLEY_HSTS_SUBDOMAINS,
  };
}

/** Whether only this machine reaches the server. */
function isLocal({ PARLEY_GRPC_LISTEN: grpc, PARLEY_HTTP_LISTEN: http }: Values): boolean {
  return isLoopback(grpc) && isLoopback(http);
}

/** An office behind one address: 50 people, each with the six connections of a browser and as many of other programs. */
const connectionsPerAddress = 1_000;

/** Of each port. */
function assembleConnections(v: Values) {
  const { PARLEY_MAX_CONNECTIONS: given, PARLEY_MAX_CONNECTIONS_PER_ADDRESS: givenPerAddress } = v;
  const max = given === 'auto' ? 2 * (v.PARLEY_MAX_CLIENTS + v.PARLEY_MAX_WAITING_CLIENTS) + 1_000 : given;
  const perAddress = isLocal(v) ? max : Math.min(connectionsPerAddress, max);
  return {
    max,
    /** Of one IPv4 address or IPv6 network (/64) that is no trusted proxy's. */
    maxPerAddress: givenPerAddress === 'auto' ? perAddress : givenPerAddress,
    /** Calls of one HTTP/2 connection at once. */
    maxStreams: v.PARLEY_MAX_STREAMS_PER_CONNECTION,
    /** How long an HTTP/2 connection may have no call. */
    idleMs: v.PARLEY_CONNECTION_IDLE_MS,
  };
}

/** One of this many parts of all slots: so many addresses together fill them. */
const addressesForAllSlots = 5;

/** On loopback all clients have one address. */
function maxSessionsPerAddress(v: Values): number {
  const { PARLEY_MAX_SESSIONS_PER_ADDRESS: given, PARLEY_MAX_CLIENTS: maxClients } = v;
  if (given !== 'auto') return given;
  return isLocal(v) ? Number.MAX_SAFE_INTEGER : Math.max(1, Math.floor(maxClients / addressesForAllSlots));
}

function limitOf(given: number | 'off'): number | undefined {
  return given === 'off' ? undefined : given;
}

function assembleLimits(v: Values) {
  return {
    /** Sessions open at once. */
    maxClients: v.PARLEY_MAX_CLIENTS,
    /** Of those, and of clients in line, that one address may have at one gateway. */
    maxSessionsPerAddress: maxSessionsPerAddress(v),
    /** Messages in processing at once, over all partitions. */
    maxProcessing: v.PARLEY_MAX_PROCESSING,
    /** The part of `maxProcessing` that each partition may use: rounded down, so that the whole is never exceeded. */
    maxProcessingPerPartition: Math.floor(v.PARLEY_MAX_PROCESSING / v.PARLEY_PARTITIONS),
    /** Of the conversations topic; fixed once the log exists. */
    partitions: v.PARLEY_PARTITIONS,
    /** Unanswered messages of one client. */
    maxPendingPerClient: v.PARLEY_MAX_PENDING_PER_CLIENT,
    /** What one client may have written or stored beside messages, at once and again within a minute. */
    writesPerClientPerMinute: v.PARLEY_WRITES_PER_CLIENT_PER_MINUTE,
    /** The same of all clients of an IPv4 address or IPv6 network (/64). */
    writesPerAddressPerMinute: v.PARLEY_WRITES_PER_ADDRESS_PER_MINUTE,
    /** Messages of one client, at once and again within a minute. */
    messagesPerClientPerMinute: v.PARLEY_MESSAGES_PER_CLIENT_PER_MINUTE,
    /** Of the conversations of one client; undefined: any number. */
    maxHistoryBytesPerClient: limitOf(v.PARLEY_MAX_HISTORY_BYTES_PER_CLIENT),
    maxProcessingPerConversation: v.PARLEY_MAX_PROCESSING_PER_CONVERSATION,
    /** The longest that a client may stand in line, whatever it asks for. */
    maxWaitForSlotMs: v.PARLEY_MAX_WAIT_FOR_SLOT_MS,
    /** Clients in line at once; 0: no line. */
    maxWaitingClients: v.PARLEY_MAX_WAITING_CLIENTS,
    firstMessageDeadlineMs: v.PARLEY_FIRST_MESSAGE_DEADLINE_MS,
    heartbeatIntervalMs: v.PARLEY_HEARTBEAT_INTERVAL_MS,
    staleAfterMs: v.PARLEY_STALE_AFTER_MS,
    /** UTF-8 bytes of one text part. */
    maxTextBytes: v.PARLEY_MAX_TEXT_BYTES,
    /** Bytes of the media in one message's frame. */
    maxInlineBytes: v.PARLEY_MAX_INLINE_BYTES,
    /** Bytes of one uploaded object. */
    maxMediaBytes: v.PARLEY_MAX_MEDIA_BYTES,
  };
}

function assembleProvider(v: Values) {
  if (v.PARLEY_PROVIDER === 'simulated') {
    return {
      kind: v.PARLEY_PROVIDER,
      textDelayMs: v.PARLEY_SIMULATED_TEXT_DELAY_MS,
      voiceDelayMs: v.PARLEY_SIMULATED_VOICE_DELAY_MS,
      videoDelayMs: v.PARLEY_SIMULATED_VIDEO_DELAY_MS,
      /** Pieces that a reply comes in; 0: whole, at once. */
      pieces: v.PARLEY_SIMULATED_PIECES,
      pieceIntervalMs: v.PARLEY_SIMULATED_PIECE_INTERVAL_MS,
      seed: v.PARLEY_SIMULATED_SEED,
    };
  }
  return {
    kind: v.PARLEY_PROVIDER,
    /** Without a slash at its end. */
    baseUrl: v.PARLEY_OPENAI_BASE_URL ?? '',
    /** Secret; '' sends none. */
    apiKey: v.PARLEY_OPENAI_API_KEY ?? '',
    model: v.PARLEY_OPENAI_MODEL ?? '',
    /** Of the conversation sent along, the system prompt included. */
    maxContextTokens: v.PARLEY_OPENAI_MAX_CONTEXT_TOKENS,
    maxOutputTokens: v.PARLEY_OPENAI_MAX_OUTPUT_TOKENS,
    /** '' sends none. */
    systemPrompt: v.PARLEY_OPENAI_SYSTEM_PROMPT ?? '',
    /** The server goes on with a reply whose beginning stands last. */
    continues: v.PARLEY_OPENAI_CONTINUES,
    /** Pictures are sent to the model. */
    vision: v.PARLEY_OPENAI_VISION,
    /** Each '' where the endpoint is not used. */
    transcriptionModel: v.PARLEY_OPENAI_TRANSCRIPTION_MODEL ?? '',
    speechModel: v.PARLEY_OPENAI_SPEECH_MODEL ?? '',
    speechVoice: v.PARLEY_OPENAI_SPEECH_VOICE,
    imageModel: v.PARLEY_OPENAI_IMAGE_MODEL ?? '',
  };
}
