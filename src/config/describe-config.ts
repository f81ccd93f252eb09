import type { Config } from './config.ts';

const secretPaths: ReadonlySet<string> = new Set([
  'provider.apiKey',
  'distributed.mongodbUri',
  'distributed.accountsMongodbUri',
  'distributed.natsServers',
  'distributed.kafka.sasl.password',
  'distributed.s3.credentials.secretAccessKey',
]);

/** The configuration as lines of `path = value`, for a person to read. Secrets are replaced by whether there is one. */
export function describeConfig(config: Config): string {
  return leaves(config, '')
    .map(([path, value]) => `${path} = ${secretPaths.has(path) ? redacted(value) : JSON.stringify(value)}`)
    .join('\n');
}

function leaves(value: object, path: string): readonly (readonly [string, unknown])[] {
  return Object.entries(value).flatMap(([key, inner]): readonly (readonly [string, unknown])[] => {
    const innerPath = path === '' ? key : `${path}.${key}`;
    const branches = typeof inner === 'object' && inner !== null && !Array.isArray(inner);
    return branches ? leaves(inner, innerPath) : [[innerPath, inner]];
  });
}

function redacted(value: unknown): string {
  return value === '' ? '(none)' : '(secret)';
}
