import type {
  AuthConfig,
  Config,
  ConnectionsConfig,
  DistributedConfig,
  KafkaSasl,
  LimitsConfig,
  ProviderConfig,
  S3Config,
  TlsConfig,
  TracingConfig,
} from './config.ts';
import { isLoopback } from './loopback.ts';
import type { Setting } from './setting.ts';
import { isUsed, type SettingName, settings, type Values } from './settings.ts';

/** The configuration of values that are checked: the names of the environment become those of the code. */
export function assemble(v: Values): Config {
  return {
    profile: v.PARLEY_PROFILE,
    distributed: assembleDistributed(v),
    tracing: assembleTracing(v),
    roles: v.PARLEY_ROLES,
    unusedSecrets: unusedSecrets(v),
    grpcListen: v.PARLEY_GRPC_LISTEN,
    httpListen: v.PARLEY_HTTP_LISTEN,
    dataDir: v.PARLEY_DATA_DIR,
    prefix: v.PARLEY_PREFIX,
    webOrigins: v.PARLEY_WEB_ORIGINS ?? [],
    trustedProxies: v.PARLEY_TRUSTED_PROXIES ?? [],
    trustedHops: v.PARLEY_TRUSTED_HOPS,
    allowUnnamedProxies: v.PARLEY_MAX_SESSIONS_PER_ADDRESS === 'auto' && v.PARLEY_TRUSTED_PROXIES === undefined,
    auth: assembleAuth(v),
    reflection: v.PARLEY_REFLECTION === 'auto' ? v.PARLEY_AUTH === 'none' || isLocal(v) : v.PARLEY_REFLECTION === 'on',
    tls: assembleTls(v),
    isTlsEndedByProxy: v.PARLEY_TLS_TERMINATION === 'proxy',
    connections: assembleConnections(v),
    limits: assembleLimits(v),
    media: {
      publicUrl: v.PARLEY_HTTP_PUBLIC_URL ?? '',
      minFreeDiskBytes: v.PARLEY_MIN_FREE_DISK_BYTES,
      maxBytesPerClient: limitOf(v.PARLEY_MAX_MEDIA_BYTES_PER_CLIENT),
      maxBytesInAll: limitOf(v.PARLEY_MAX_MEDIA_BYTES_IN_ALL),
      uploadLifetimeMs: v.PARLEY_UPLOAD_LIFETIME_MS,
      urlLifetimeMs: v.PARLEY_MEDIA_URL_LIFETIME_MS,
      sweepIntervalMs: v.PARLEY_MEDIA_SWEEP_INTERVAL_MS,
      erasureDelayMs: v.PARLEY_ERASURE_DELAY_MS,
    },
    allowedTimeZones: v.PARLEY_ALLOWED_TIME_ZONES,
    provider: assembleProvider(v),
    worker: {
      firstPieceTimeoutMs: v.PARLEY_PROVIDER_FIRST_PIECE_TIMEOUT_MS,
      pieceTimeoutMs: v.PARLEY_PROVIDER_PIECE_TIMEOUT_MS,
      mediaTimeoutMs: v.PARLEY_PROVIDER_MEDIA_TIMEOUT_MS,
      totalTimeoutMs: v.PARLEY_PROVIDER_TOTAL_TIMEOUT_MS,
      maxAttempts: v.PARLEY_MAX_ATTEMPTS,
      retryMs: v.PARLEY_RETRY_MS,
    },
    log: { level: v.PARLEY_LOG_LEVEL, format: v.PARLEY_LOG_FORMAT },
    drainTimeoutMs: v.PARLEY_DRAIN_TIMEOUT_MS,
  };
}

function unusedSecrets(v: Values): readonly string[] {
  const rows = Object.entries<Setting<unknown>>(settings) as [SettingName, Setting<unknown>][];
  return rows.flatMap(([name, { secret }]) =>
    secret && v[name] !== undefined && !isUsed(name, v.PARLEY_ROLES) ? [name] : [],
  );
}

function assembleDistributed(v: Values): DistributedConfig | undefined {
  if (v.PARLEY_PROFILE !== 'distributed') return undefined;
  return {
    instanceId: v.PARLEY_INSTANCE_ID ?? '',
    kafka: {
      brokers: v.PARLEY_KAFKA_BROKERS ?? [],
      replicationFactor: v.PARLEY_KAFKA_REPLICATION_FACTOR,
      tls: v.PARLEY_KAFKA_TLS,
      sasl: assembleSasl(v),
    },
    mongodbUri: v.PARLEY_MONGODB_URI ?? '',
    accountsMongodbUri: v.PARLEY_ACCOUNTS_MONGODB_URI ?? v.PARLEY_MONGODB_URI ?? '',
    natsServers: v.PARLEY_NATS_SERVERS ?? [],
    s3: assembleS3(v),
  };
}

function assembleSasl(v: Values): KafkaSasl | undefined {
  if (v.PARLEY_KAFKA_SASL === 'none') return undefined;
  return {
    mechanism: v.PARLEY_KAFKA_SASL,
    username: v.PARLEY_KAFKA_USERNAME ?? '',
    password: v.PARLEY_KAFKA_PASSWORD ?? '',
  };
}

function assembleS3(v: Values): S3Config {
  const { PARLEY_S3_ACCESS_KEY_ID: accessKeyId, PARLEY_S3_SECRET_ACCESS_KEY: secretAccessKey } = v;
  return {
    endpoint: v.PARLEY_S3_ENDPOINT ?? '',
    publicEndpoint: v.PARLEY_S3_PUBLIC_ENDPOINT ?? '',
    bucket: v.PARLEY_S3_BUCKET ?? `${v.PARLEY_PREFIX}-media`,
    region: v.PARLEY_S3_REGION,
    credentials:
      accessKeyId === undefined || secretAccessKey === undefined ? undefined : { accessKeyId, secretAccessKey },
    corsOrigins: v.PARLEY_S3_CORS_ORIGINS,
  };
}

function assembleTracing(v: Values): TracingConfig | undefined {
  if (v.PARLEY_OTLP_ENDPOINT === undefined) return undefined;
  return { otlpEndpoint: v.PARLEY_OTLP_ENDPOINT, ratio: v.PARLEY_TRACE_PERCENT / 100 };
}

function assembleAuth(v: Values): AuthConfig {
  switch (v.PARLEY_AUTH) {
    case 'none':
      return { kind: 'none' };
    case 'accounts':
      return {
        kind: 'accounts',
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
        kind: 'oidc',
        issuer: v.PARLEY_OIDC_ISSUER ?? '',
        audience: v.PARLEY_OIDC_AUDIENCE ?? '',
        clientIdClaim: v.PARLEY_OIDC_CLIENT_ID_CLAIM,
        operatorClaim: operator.slice(0, at),
        operatorValue: operator.slice(at + 1),
        webClientId: v.PARLEY_OIDC_WEB_CLIENT_ID ?? '',
        webScopes: v.PARLEY_OIDC_WEB_SCOPES,
      };
    }
    default:
      return v.PARLEY_AUTH satisfies never;
  }
}

function assembleTls(v: Values): TlsConfig | undefined {
  const { PARLEY_TLS_CERT_FILE: certFile, PARLEY_TLS_KEY_FILE: keyFile } = v;
  if (certFile === undefined || keyFile === undefined) return undefined;
  return {
    certFile,
    keyFile,
    clientCaFile: v.PARLEY_TLS_CLIENT_CA_FILE ?? '',
    hstsSubdomains: v.PARLEY_HSTS_SUBDOMAINS,
  };
}

/** Whether only this machine reaches the server. */
function isLocal({ PARLEY_GRPC_LISTEN: grpc, PARLEY_HTTP_LISTEN: http }: Values): boolean {
  return isLoopback(grpc) && isLoopback(http);
}

/** An office behind one address: 50 people, each with the six connections of a browser and as many of other programs. */
const connectionsPerAddress = 1_000;

function assembleConnections(v: Values): ConnectionsConfig {
  const { PARLEY_MAX_CONNECTIONS: given, PARLEY_MAX_CONNECTIONS_PER_ADDRESS: givenPerAddress } = v;
  const max = given === 'auto' ? 2 * (v.PARLEY_MAX_CLIENTS + v.PARLEY_MAX_WAITING_CLIENTS) + 1_000 : given;
  const perAddress = isLocal(v) ? max : Math.min(connectionsPerAddress, max);
  return {
    max,
    maxPerAddress: givenPerAddress === 'auto' ? perAddress : givenPerAddress,
    maxStreams: v.PARLEY_MAX_STREAMS_PER_CONNECTION,
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

function assembleLimits(v: Values): LimitsConfig {
  return {
    maxClients: v.PARLEY_MAX_CLIENTS,
    maxSessionsPerAddress: maxSessionsPerAddress(v),
    maxProcessing: v.PARLEY_MAX_PROCESSING,
    maxProcessingPerPartition: Math.floor(v.PARLEY_MAX_PROCESSING / v.PARLEY_PARTITIONS),
    partitions: v.PARLEY_PARTITIONS,
    maxPendingPerClient: v.PARLEY_MAX_PENDING_PER_CLIENT,
    writesPerClientPerMinute: v.PARLEY_WRITES_PER_CLIENT_PER_MINUTE,
    writesPerAddressPerMinute: v.PARLEY_WRITES_PER_ADDRESS_PER_MINUTE,
    messagesPerClientPerMinute: v.PARLEY_MESSAGES_PER_CLIENT_PER_MINUTE,
    maxHistoryBytesPerClient: limitOf(v.PARLEY_MAX_HISTORY_BYTES_PER_CLIENT),
    maxProcessingPerConversation: v.PARLEY_MAX_PROCESSING_PER_CONVERSATION,
    maxWaitForSlotMs: v.PARLEY_MAX_WAIT_FOR_SLOT_MS,
    maxWaitingClients: v.PARLEY_MAX_WAITING_CLIENTS,
    firstMessageDeadlineMs: v.PARLEY_FIRST_MESSAGE_DEADLINE_MS,
    heartbeatIntervalMs: v.PARLEY_HEARTBEAT_INTERVAL_MS,
    staleAfterMs: v.PARLEY_STALE_AFTER_MS,
    maxTextBytes: v.PARLEY_MAX_TEXT_BYTES,
    maxInlineBytes: v.PARLEY_MAX_INLINE_BYTES,
    maxMediaBytes: v.PARLEY_MAX_MEDIA_BYTES,
  };
}

function assembleProvider(v: Values): ProviderConfig {
  if (v.PARLEY_PROVIDER === 'simulated') {
    return {
      kind: 'simulated',
      textDelayMs: v.PARLEY_SIMULATED_TEXT_DELAY_MS,
      voiceDelayMs: v.PARLEY_SIMULATED_VOICE_DELAY_MS,
      videoDelayMs: v.PARLEY_SIMULATED_VIDEO_DELAY_MS,
      pieces: v.PARLEY_SIMULATED_PIECES,
      pieceIntervalMs: v.PARLEY_SIMULATED_PIECE_INTERVAL_MS,
      seed: v.PARLEY_SIMULATED_SEED,
    };
  }
  return {
    kind: 'openai',
    baseUrl: v.PARLEY_OPENAI_BASE_URL ?? '',
    apiKey: v.PARLEY_OPENAI_API_KEY ?? '',
    model: v.PARLEY_OPENAI_MODEL ?? '',
    maxContextTokens: v.PARLEY_OPENAI_MAX_CONTEXT_TOKENS,
    systemPrompt: v.PARLEY_OPENAI_SYSTEM_PROMPT ?? '',
    continues: v.PARLEY_OPENAI_CONTINUES,
    vision: v.PARLEY_OPENAI_VISION,
    transcriptionModel: v.PARLEY_OPENAI_TRANSCRIPTION_MODEL ?? '',
    speechModel: v.PARLEY_OPENAI_SPEECH_MODEL ?? '',
    speechVoice: v.PARLEY_OPENAI_SPEECH_VOICE,
    imageModel: v.PARLEY_OPENAI_IMAGE_MODEL ?? '',
  };
}
