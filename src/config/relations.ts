import { isUsed, type Values } from './settings.ts';
import { isLoopback } from './value-types.ts';

/** What is wrong between settings that are each right by themselves, one sentence each. */
export function brokenRelations(values: Values): readonly string[] {
  return [
    ...profileGaps(values),
    ...engineGaps(values),
    ...exposed(values),
    ...providerGaps(values),
    ...authGaps(values),
    ...tlsGaps(values),
    ...limitRelations(values),
  ];
}

const engineSettings = ['PARLEY_KAFKA_BROKERS', 'PARLEY_MONGODB_URI', 'PARLEY_NATS_SERVERS'] as const;
const distributedSettings = [
  ...engineSettings,
  'PARLEY_ACCOUNTS_MONGODB_URI',
  'PARLEY_INSTANCE_ID',
  'PARLEY_S3_ENDPOINT',
  'PARLEY_S3_PUBLIC_ENDPOINT',
  'PARLEY_S3_BUCKET',
] as const;

function profileGaps(v: Values): string[] {
  if (v.PARLEY_PROFILE === 'distributed') {
    return engineSettings
      .filter((name) => v[name] === undefined && isUsed(name, v.PARLEY_ROLES))
      .map((name) => `PARLEY_PROFILE=distributed needs ${name}`);
  }
  const problems = distributedSettings
    .filter((name) => v[name] !== undefined)
    .map((name) => `${name} needs PARLEY_PROFILE=distributed: the embedded profile has files of its own`);
  if (v.PARLEY_ROLES.length < 3) {
    problems.push(
      `PARLEY_ROLES=${v.PARLEY_ROLES.join()}: in the embedded profile one process does all of gateway,worker,projector`,
    );
  }
  return problems;
}

function engineGaps(v: Values): string[] {
  const problems: string[] = [];
  const hasUser = v.PARLEY_KAFKA_USERNAME !== undefined && v.PARLEY_KAFKA_PASSWORD !== undefined;
  if (v.PARLEY_KAFKA_SASL !== 'none' && !hasUser)
    problems.push(`PARLEY_KAFKA_SASL=${v.PARLEY_KAFKA_SASL} needs PARLEY_KAFKA_USERNAME and PARLEY_KAFKA_PASSWORD`);
  if ((v.PARLEY_S3_ACCESS_KEY_ID === undefined) !== (v.PARLEY_S3_SECRET_ACCESS_KEY === undefined))
    problems.push('PARLEY_S3_ACCESS_KEY_ID and PARLEY_S3_SECRET_ACCESS_KEY need each other');
  return problems;
}

/** What other machines reach without proof or protection; the operator may accept either. */
function exposed(v: Values): string[] {
  if (v.PARLEY_ALLOW_INSECURE) return [];
  const reached = (['PARLEY_GRPC_LISTEN', 'PARLEY_HTTP_LISTEN'] as const).filter((name) => !isLoopback(v[name]));
  const open = reached.map((name) => `${name}=${v[name].host}:${v[name].port} can be reached from other machines, and`);
  if (v.PARLEY_AUTH === 'none')
    return open.map(
      (what) =>
        `${what} with PARLEY_AUTH=none whoever reaches it is let in; ` +
        'listen on 127.0.0.1, or accept that with PARLEY_ALLOW_INSECURE=true',
    );
  if (!sendsInPlainText(v)) return [];
  return open.map(
    (what) =>
      `${what} without TLS passwords and tokens (PARLEY_AUTH=${v.PARLEY_AUTH}) can be read on the way; ` +
      'set PARLEY_TLS_CERT_FILE and PARLEY_TLS_KEY_FILE, or PARLEY_TLS_TERMINATION=proxy where a proxy on this host or a trusted network ends TLS, ' +
      'listen on 127.0.0.1, or accept that with PARLEY_ALLOW_INSECURE=true',
  );
}

/** Whether passwords and tokens come to this process unprotected. Only gateways are sent any; a proxy that is trusted to say where calls come from need not end TLS. */
function sendsInPlainText(v: Values): boolean {
  return (
    v.PARLEY_ROLES.includes('gateway') &&
    v.PARLEY_TLS_CERT_FILE === undefined &&
    v.PARLEY_TLS_KEY_FILE === undefined &&
    v.PARLEY_TLS_TERMINATION === 'server'
  );
}

function providerGaps(v: Values): string[] {
  if (v.PARLEY_PROVIDER !== 'openai') return [];
  return (['PARLEY_OPENAI_BASE_URL', 'PARLEY_OPENAI_MODEL'] as const)
    .filter((name) => v[name] === undefined)
    .map((name) => `PARLEY_PROVIDER=openai needs ${name}`);
}

function authGaps(v: Values): string[] {
  if (v.PARLEY_AUTH !== 'oidc') {
    return (['PARLEY_OIDC_ISSUER', 'PARLEY_OIDC_WEB_CLIENT_ID'] as const)
      .filter((name) => v[name] !== undefined)
      .map((name) => `${name} needs PARLEY_AUTH=oidc: with ${v.PARLEY_AUTH} an issuer's tokens prove nothing`);
  }
  return (['PARLEY_OIDC_ISSUER', 'PARLEY_OIDC_AUDIENCE'] as const)
    .filter((name) => v[name] === undefined)
    .map((name) => `PARLEY_AUTH=oidc needs ${name}`);
}

function tlsGaps(v: Values): string[] {
  const hasCert = v.PARLEY_TLS_CERT_FILE !== undefined;
  const hasKey = v.PARLEY_TLS_KEY_FILE !== undefined;
  if (hasCert !== hasKey) {
    const [given, missing] = hasCert ? ['CERT', 'KEY'] : ['KEY', 'CERT'];
    return [`PARLEY_TLS_${given}_FILE needs PARLEY_TLS_${missing}_FILE`];
  }
  if (!hasCert && v.PARLEY_TLS_CLIENT_CA_FILE !== undefined)
    return ['PARLEY_TLS_CLIENT_CA_FILE needs PARLEY_TLS_CERT_FILE and PARLEY_TLS_KEY_FILE'];
  return [];
}

/** Each relation: what must hold, and whether it does. */
function limitRelations(v: Values): string[] {
  const grpc = v.PARLEY_GRPC_LISTEN;
  const http = v.PARLEY_HTTP_LISTEN;
  const relations: readonly (readonly [string, boolean])[] = [
    [
      `PARLEY_STALE_AFTER_MS=${v.PARLEY_STALE_AFTER_MS} must be more than twice PARLEY_HEARTBEAT_INTERVAL_MS=${v.PARLEY_HEARTBEAT_INTERVAL_MS}: one lost ping ends no session`,
      v.PARLEY_STALE_AFTER_MS > 2 * v.PARLEY_HEARTBEAT_INTERVAL_MS,
    ],
    [
      `PARLEY_MAX_PROCESSING=${v.PARLEY_MAX_PROCESSING} must be at least PARLEY_PARTITIONS=${v.PARLEY_PARTITIONS}: each partition needs a place`,
      v.PARLEY_MAX_PROCESSING >= v.PARLEY_PARTITIONS,
    ],
    [
      `PARLEY_PROVIDER_FIRST_PIECE_TIMEOUT_MS=${v.PARLEY_PROVIDER_FIRST_PIECE_TIMEOUT_MS} must not be over PARLEY_PROVIDER_TOTAL_TIMEOUT_MS=${v.PARLEY_PROVIDER_TOTAL_TIMEOUT_MS}`,
      v.PARLEY_PROVIDER_FIRST_PIECE_TIMEOUT_MS <= v.PARLEY_PROVIDER_TOTAL_TIMEOUT_MS,
    ],
    [
      `PARLEY_PROVIDER_PIECE_TIMEOUT_MS=${v.PARLEY_PROVIDER_PIECE_TIMEOUT_MS} must not be over PARLEY_PROVIDER_TOTAL_TIMEOUT_MS=${v.PARLEY_PROVIDER_TOTAL_TIMEOUT_MS}`,
      v.PARLEY_PROVIDER_PIECE_TIMEOUT_MS <= v.PARLEY_PROVIDER_TOTAL_TIMEOUT_MS,
    ],
    [
      `PARLEY_PROVIDER_MEDIA_TIMEOUT_MS=${v.PARLEY_PROVIDER_MEDIA_TIMEOUT_MS} must not be over PARLEY_PROVIDER_TOTAL_TIMEOUT_MS=${v.PARLEY_PROVIDER_TOTAL_TIMEOUT_MS}`,
      v.PARLEY_PROVIDER_MEDIA_TIMEOUT_MS <= v.PARLEY_PROVIDER_TOTAL_TIMEOUT_MS,
    ],
    [
      `PARLEY_MAX_INLINE_BYTES=${v.PARLEY_MAX_INLINE_BYTES} must not be over PARLEY_MAX_MEDIA_BYTES=${v.PARLEY_MAX_MEDIA_BYTES}`,
      v.PARLEY_MAX_INLINE_BYTES <= v.PARLEY_MAX_MEDIA_BYTES,
    ],
    [
      `PARLEY_GRPC_LISTEN and PARLEY_HTTP_LISTEN must differ, both are ${grpc.host}:${grpc.port}`,
      grpc.port === 0 || grpc.host !== http.host || grpc.port !== http.port,
    ],
  ];
  return relations.filter(([, holds]) => !holds).map(([sentence]) => sentence);
}
