import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import * as loader from '@grpc/proto-loader';

const root = fileURLToPath(new URL('../../', import.meta.url));
const includeDirs = [`${root}proto`, `${root}node_modules/google-proto-files`];
const services = [
  'chat_service',
  'history_service',
  'operations_service',
  'media_service',
  'account_service',
  'usage_service',
  'spending_service',
];

const definition = loader.loadSync(
  [
    ...services.map((name) => `chat/v1/${name}.proto`),
    'google/rpc/status.proto',
    'google/rpc/error_details.proto',
    `${root}node_modules/grpc-health-check/proto/health/v1/health.proto`,
    `${root}node_modules/@grpc/reflection/build/proto/grpc/reflection/v1/reflection.proto`,
  ],
  { includeDirs, longs: Number, enums: String, defaults: true, oneofs: true },
);

/** A client as proto-loader makes it: methods by name, nothing known of their types. */
// biome-ignore lint/suspicious/noExplicitAny: a stranger's client has no generated types
export type DynamicClient = grpc.Client & Record<string, any>;

/** A decoded message of which only the .proto files know the shape. */
// biome-ignore lint/suspicious/noExplicitAny: as above
export type Dynamic = any;

/** A client of the service, from the .proto files alone. */
export function clientOf(
  service: string,
  address: string,
  options: grpc.ClientOptions = {},
  credentials = grpc.credentials.createInsecure(),
): DynamicClient {
  const methods = definition[service];
  if (methods === undefined) throw new Error(`no service ${service} in the contract`);
  const Client = grpc.makeClientConstructor(methods as unknown as grpc.ServiceDefinition, service);
  // A pool of its own: sessions of several clients must not share one connection unless a test says so.
  return new Client(address, credentials, {
    'grpc.use_local_subchannel_pool': 1,
    ...options,
  }) as unknown as DynamicClient;
}

/** Closes the client's connection. Its own `close` may be the service's method of that name. */
export function hangUp(client: DynamicClient): void {
  grpc.Client.prototype.close.call(client);
}

/** A field of a message of the contract. */
export interface ContractField {
  readonly name: string;
  readonly isRepeated: boolean;
  /** As descriptor.proto names it, e.g. TYPE_INT64. */
  readonly type: string;
  /** The full name of a message's or an enum's type; '' for others. */
  readonly typeName: string;
}

/** The fields of a message type, e.g. `chat.v1.Hello`. Throws when the contract has no such type. */
export function fieldsOf(typeName: string): readonly ContractField[] {
  const message = definition[typeName] as loader.MessageTypeDefinition<object, object> | undefined;
  if (message === undefined) throw new Error(`no message ${typeName} in the contract`);
  const { field: fields } = message.type as {
    field: { name: string; label: string; type: string; typeName: string }[];
  };
  return fields.map(({ name, label, type, typeName: of }) => ({
    name,
    isRepeated: label === 'LABEL_REPEATED',
    type,
    typeName: of === '' || of.includes('.') ? of : `chat.v1.${of}`,
  }));
}

function decode(type: string, bytes: Buffer): Dynamic {
  const message = definition[type] as loader.MessageTypeDefinition<object, object> | undefined;
  return message?.deserialize(bytes);
}

/** A refusal as it arrives: the status and what google.rpc.Status adds to it. */
export class CallRefused extends Error {
  override readonly name = 'CallRefused';
  readonly code: string;
  /** ErrorInfo's reason, '' when there was no ErrorInfo. */
  readonly reason: string;
  readonly domain: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** RetryInfo's delay; undefined when there was none. */
  readonly retryDelayMs: number | undefined;
  /** Fields named by BadRequest. */
  readonly fields: readonly string[];

  constructor(error: grpc.ServiceError | grpc.StatusObject) {
    const details = statusDetails(error.metadata);
    const info = details.get('google.rpc.ErrorInfo');
    super(`${grpc.status[error.code]} ${info?.reason ?? ''}: ${error.details}`);
    this.code = grpc.status[error.code] ?? String(error.code);
    this.reason = info?.reason ?? '';
    this.domain = info?.domain ?? '';
    this.metadata = info?.metadata ?? {};
    const retry = details.get('google.rpc.RetryInfo');
    this.retryDelayMs = retry && durationMs(retry.retryDelay);
    this.fields = (details.get('google.rpc.BadRequest')?.fieldViolations ?? []).map((field: Dynamic) => field.field);
  }
}

function statusDetails(metadata: grpc.Metadata): Map<string, Dynamic> {
  const [bytes] = metadata.get('grpc-status-details-bin');
  if (bytes === undefined) return new Map();
  const status = decode('google.rpc.Status', bytes as Buffer);
  // proto-loader opens an Any by itself when it knows the type, and then tells it as '@type'.
  return new Map(status.details.map((any: Dynamic) => opened(any)));
}

function opened(any: Dynamic): [string, Dynamic] {
  const url: string = any['@type'] ?? any.typeUrl ?? any.type_url;
  const type = url.slice(url.lastIndexOf('/') + 1);
  return [type, any['@type'] === undefined ? decode(type, any.value) : any];
}

/** Milliseconds of a google.protobuf.Duration. */
export function durationMs(duration: { seconds?: number; nanos?: number } | null | undefined): number {
  return (duration?.seconds ?? 0) * 1000 + (duration?.nanos ?? 0) / 1e6;
}

/** A google.protobuf.Duration of so many milliseconds. */
export function duration(ms: number): { seconds: number; nanos: number } {
  return { seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1e6 };
}

/** Milliseconds since the epoch of a google.protobuf.Timestamp. */
export const timestampMs = durationMs;

/** One unary call. Rejects with CallRefused. */
export function call(
  client: DynamicClient,
  method: string,
  request: object,
  timeoutMs = 30_000,
  metadata = new grpc.Metadata(),
): Promise<Dynamic> {
  return new Promise((resolve, reject) => {
    client[method](
      request,
      metadata,
      { deadline: Date.now() + timeoutMs },
      (error: grpc.ServiceError | null, response: Dynamic) =>
        error === null ? resolve(response) : reject(new CallRefused(error)),
    );
  });
}
