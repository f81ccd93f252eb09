import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Engine, type EngineOptions, engineFolder, externalEngine, startEngine } from './engine-process.ts';
import { portFor } from './free-port.ts';
import { installed } from './install.ts';

const answerTimeoutMs = 2_000;

export interface S3Engine extends Engine {
  /** `http://127.0.0.1:port`, or what S3_ENDPOINT says. */
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
}

/** versitygw: S3 over a folder, without a bucket at first, about 0.1 s. External: S3_ENDPOINT, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY, S3_REGION. */
export async function startS3(options: EngineOptions = {}): Promise<S3Engine> {
  const { S3_ENDPOINT: external, S3_REGION: region = 'us-east-1' } = process.env;
  const { S3_ACCESS_KEY_ID: accessKeyId = 'parley', S3_SECRET_ACCESS_KEY: secretAccessKey = 'parley-secret' } =
    process.env;
  const keys = { accessKeyId, secretAccessKey, region };
  if (options.external === 'allowed' && external) return { ...externalEngine('S3'), endpoint: external, ...keys };

  const program = join(await installed('s3'), 'versitygw');
  const listen = `127.0.0.1:${await portFor(options)}`;
  const endpoint = `http://${listen}`;
  const folder = await engineFolder('s3', options);
  const objects = join(folder.path, 'objects');
  const engine = await startEngine(folder, {
    name: 's3',
    prepare: async () => void (await mkdir(objects, { recursive: true })),
    command: [program, '--port', listen, '--region', region, '--keep-alive', '--quiet', 'posix', objects],
    env: { ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey },
    answers: () => refusesStrangers(endpoint),
  });
  return Object.assign(engine, { endpoint, ...keys });
}

/** Without a signature S3 answers 403, and only S3 does so in its own words. */
async function refusesStrangers(endpoint: string): Promise<void> {
  const answer = await fetch(endpoint, { signal: AbortSignal.timeout(answerTimeoutMs) });
  const words = await answer.text();
  if (!words.includes('<Code>AccessDenied')) throw new Error(`not an S3 server: ${answer.status} ${words}`);
}
