/** Where to listen. Port 0 takes any free one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Both ends included. */
export interface DelayRangeMs {
  readonly min: number;
  readonly max: number;
}

export type Role = 'gateway' | 'worker' | 'projector';

export interface LimitsConfig {
  /** Sessions open at once. */
  readonly maxClients: number;
  /** Of those, and of clients in line, that one address may have at one gateway. */
  readonly maxSessionsPerAddress: number;
  /** Messages in processing at once, over all partitions. */
  readonly maxProcessing: number;
  /** The part of `maxProcessing` that each partition may use: rounded down, so that the whole is never exceeded. */
  readonly maxProcessingPerPartition: number;
  /** Of the conversations topic; fixed once the log exists. */
  readonly partitions: number;
  /** Unanswered messages of one client. */
  readonly maxPendingPerClient: number;
  /** What one client may have written or stored beside messages, at once and again within a minute. */
  readonly writesPerClientPerMinute: number;
  /** The same of all clients of an IPv4 address or IPv6 network (/64). */
  readonly writesPerAddressPerMinute: number;
  /** Messages of one client, at once and again within a minute. */
  readonly messagesPerClientPerMinute: number;
  /** Of the conversations of one client; undefined: any number. */
  readonly maxHistoryBytesPerClient: number | undefined;
  readonly maxProcessingPerConversation: number;
  /** The longest that a client may stand in line, whatever it asks for. */
  readonly maxWaitForSlotMs: number;
  /** Clients in line at once; 0: no line. */
  readonly maxWaitingClients: number;
  readonly firstMessageDeadlineMs: number;
  readonly heartbeatIntervalMs: number;
  readonly staleAfterMs: number;
  /** UTF-8 bytes of one text part. */
  readonly maxTextBytes: number;
  /** Bytes of the media in one message's frame. */
  readonly maxInlineBytes: number;
  /** Bytes of one uploaded object. */
  readonly maxMediaBytes: number;
}

/** Of each port. */
export interface ConnectionsConfig {
  readonly max: number;
  /** Of one IPv4 address or IPv6 network (/64) that is no trusted proxy's. */
  readonly maxPerAddress: number;
  /** Calls of one HTTP/2 connection at once. */
  readonly maxStreams: number;
  /** How long an HTTP/2 connection may have no call. */
  readonly idleMs: number;
}

export interface MediaConfig {
  /** The HTTP port as clients reach it, without a slash at its end; '': the address listened on. */
  readonly publicUrl: string;
  /** What the disk of the data folder has left at least, for the log. */
  readonly minFreeDiskBytes: number;
  /** Of the media that are kept for one client; undefined: any number. */
  readonly maxBytesPerClient: number | undefined;
  /** Of all media in a folder; undefined: any number. */
  readonly maxBytesInAll: number | undefined;
  readonly uploadLifetimeMs: number;
  readonly urlLifetimeMs: number;
  readonly sweepIntervalMs: number;
  readonly erasureDelayMs: number;
}

export interface AccountsConfig {
  readonly kind: 'accounts';
  readonly signUpOpen: boolean;
  readonly signUpsPerAddress: number;
  readonly accessTokenLifetimeMs: number;
  readonly refreshTokenLifetimeMs: number;
  readonly keyLifetimeMs: number;
}

export interface OidcConfig {
  readonly kind: 'oidc';
  readonly issuer: string;
  readonly audience: string;
  readonly clientIdClaim: string;
  readonly operatorClaim: string;
  readonly operatorValue: string;
  /** '': the web client is not registered with the issuer. */
  readonly webClientId: string;
  readonly webScopes: readonly string[];
}

export type AuthConfig = { readonly kind: 'none' } | AccountsConfig | OidcConfig;

/** Files in PEM. */
export interface TlsConfig {
  readonly certFile: string;
  readonly keyFile: string;
  /** '': clients show no certificate. */
  readonly clientCaFile: string;
  /** Browsers that have come by TLS come to subdomains by TLS alone, too. */
  readonly hstsSubdomains: boolean;
}

export interface SimulatedProviderConfig {
  readonly kind: 'simulated';
  readonly textDelayMs: DelayRangeMs;
  readonly voiceDelayMs: DelayRangeMs;
  readonly videoDelayMs: DelayRangeMs;
  /** Pieces that a reply comes in; 0: whole, at once. */
  readonly pieces: number;
  readonly pieceIntervalMs: number;
  readonly seed: number | 'random';
}

export interface OpenAiProviderConfig {
  readonly kind: 'openai';
  /** Without a slash at its end. */
  readonly baseUrl: string;
  /** Secret; '' sends none. */
  readonly apiKey: string;
  readonly model: string;
  /** Of the conversation sent along, the system prompt included. */
  readonly maxContextTokens: number;
  /** '' sends none. */
  readonly systemPrompt: string;
  /** The server goes on with a reply whose beginning stands last. */
  readonly continues: boolean;
  /** Pictures are sent to the model. */
  readonly vision: boolean;
  /** Each '' where the endpoint is not used. */
  readonly transcriptionModel: string;
  readonly speechModel: string;
  readonly speechVoice: string;
  readonly imageModel: string;
}

export type ProviderConfig = SimulatedProviderConfig | OpenAiProviderConfig;

export interface WorkerConfig {
  /** From the call to the first piece, per attempt. */
  readonly firstPieceTimeoutMs: number;
  /** Between two pieces. */
  readonly pieceTimeoutMs: number;
  /** Of each voice or picture, and of listening. */
  readonly mediaTimeoutMs: number;
  /** Of a whole attempt. */
  readonly totalTimeoutMs: number;
  /** Calls to the provider for one message before it is given up. */
  readonly maxAttempts: number;
  /** From the first failed call for a message to the last one. */
  readonly retryMs: number;
}

export interface LogConfig {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  /** `auto`: pretty on a terminal, JSON lines elsewhere. */
  readonly format: 'auto' | 'json' | 'pretty';
}

export interface KafkaConfig {
  readonly brokers: readonly string[];
  readonly replicationFactor: number;
  readonly tls: boolean;
  /** undefined: this process proves nothing. */
  readonly sasl: KafkaSasl | undefined;
}

export interface KafkaSasl {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  /** Secret. */
  readonly password: string;
}

export interface S3Config {
  /** As servers reach it, without a slash at its end; '': AWS, in the region. */
  readonly endpoint: string;
  /** As clients reach it; '': the same. */
  readonly publicEndpoint: string;
  readonly bucket: string;
  readonly region: string;
  /** undefined: the SDK looks for them. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
  /** Of web pages; `*` is any. */
  readonly corsOrigins: readonly string[];
}

/** What many processes share. */
export interface DistributedConfig {
  /** '': a new one at each start. */
  readonly instanceId: string;
  readonly kafka: KafkaConfig;
  /** Secret. */
  readonly mongodbUri: string;
  /** Secret: of the accounts. */
  readonly accountsMongodbUri: string;
  /** Secret; empty where no role of this process uses the live bus. */
  readonly natsServers: readonly string[];
  readonly s3: S3Config;
}

export interface TracingConfig {
  /** Without `/v1/traces`. */
  readonly otlpEndpoint: string;
  /** 0 to 1. */
  readonly ratio: number;
}

/** Everything that can be set, checked, and frozen through and through. */
export interface Config {
  readonly profile: 'embedded' | 'distributed';
  /** undefined in the embedded profile. */
  readonly distributed: DistributedConfig | undefined;
  /** undefined: nothing is traced. */
  readonly tracing: TracingConfig | undefined;
  readonly roles: readonly Role[];
  /** Names of secrets that this process was given and that none of its roles uses. */
  readonly unusedSecrets: readonly string[];
  readonly grpcListen: ListenAddress;
  readonly httpListen: ListenAddress;
  /** As given: relative to the working directory unless absolute. */
  readonly dataDir: string;
  readonly prefix: string;
  /** Of web pages that may call, besides this server's own. */
  readonly webOrigins: readonly string[];
  /** Addresses and ranges (`10.0.0.0/8`) whose word on where a call comes from is taken. */
  readonly trustedProxies: readonly string[];
  /** How many of those a call comes through at most: entries of `x-forwarded-for` that are read, from its end. */
  readonly trustedHops: number;
  /** Whether a call from a private address that was passed on counts as a proxy's, though nobody named it: of no one client. */
  readonly allowUnnamedProxies: boolean;
  readonly auth: AuthConfig;
  /** Whether whoever asks is shown the contract: gRPC reflection, and `/docs`. */
  readonly reflection: boolean;
  /** undefined: neither port uses TLS. */
  readonly tls: TlsConfig | undefined;
  /** A proxy ends the clients' TLS, and nobody reaches the ports past it. */
  readonly isTlsEndedByProxy: boolean;
  readonly connections: ConnectionsConfig;
  readonly limits: LimitsConfig;
  readonly media: MediaConfig;
  /** IANA names, in which `*` stands for any characters. */
  readonly allowedTimeZones: readonly string[];
  readonly provider: ProviderConfig;
  readonly worker: WorkerConfig;
  readonly log: LogConfig;
  /** How long work in flight may go on after SIGTERM. */
  readonly drainTimeoutMs: number;
}
