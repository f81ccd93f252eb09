import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { certificateFile, envoyFile } from '../../../gateway/envoy/files.ts';
import { composeValues, type EnvoyValues, localValues } from '../../../gateway/envoy/values.ts';
import type { Certificate } from '../certificates.ts';
import { type Engine, type EngineOptions, engineFolder, startEngine } from './engine-process.ts';
import { freePort, portFor } from './free-port.ts';
import { installed } from './install.ts';

/** What one address may ask where calls need a token. */
export const deployedLimits: Pick<EnvoyValues, 'rateLimit' | 'rateLimitWithoutToken'> = {
  rateLimit: composeValues.rateLimit,
  rateLimitWithoutToken: composeValues.rateLimitWithoutToken,
};

const answerTimeoutMs = 2_000;

/** One thread is enough for a test, and its log is written soon. */
const programOptions = '--log-level warn --concurrency 1 --disable-hot-restart --file-flush-interval-msec 200'.split(
  ' ',
);

export interface EnvoyOptions extends Pick<EngineOptions, 'port' | 'dataDir'> {
  /** The gateways behind it, as `startServer` gives them: `host:port` of gRPC and of HTTP. They may come later. */
  readonly gateways: readonly { readonly address: string; readonly httpAddress: string }[];
  /** undefined: without TLS. */
  readonly certificate?: Certificate | undefined;
  /** What else is to be as in no deployment: origins, heartbeats, the rate limit. */
  readonly values?: Partial<EnvoyValues>;
}

export interface EnvoyEngine extends Engine {
  /** `127.0.0.1:port`: gRPC, gRPC-Web and the web client. */
  readonly address: string;
  /** The same as a page's origin: `https://127.0.0.1:port`, or `http://…` without a certificate. */
  readonly origin: string;
  /** `127.0.0.1:port` of its admin interface. */
  readonly admin: string;
  /** `127.0.0.1:port` of what Prometheus scrapes. */
  readonly statistics: string;
}

/** Envoy as it is deployed, about 0.3 s, its gateways checked once. Its log, with a line for each call that ended, is `envoy.log` in the data folder. */
export async function startEnvoy(options: EnvoyOptions): Promise<EnvoyEngine> {
  const program = join(await installed('envoy'), 'envoy/_bin/envoy');
  const [port, adminPort, statisticsPort] = [await portFor(options), await freePort(), await freePort()];
  const folder = await engineFolder('envoy', options);
  const { certificate } = options;
  const values: EnvoyValues = {
    ...localValues,
    listen: { host: '127.0.0.1', port },
    admin: { host: '127.0.0.1', port: adminPort },
    statistics: { host: '127.0.0.1', port: statisticsPort },
    gateways: options.gateways.map(({ address, httpAddress }) => gatewayAt(address, httpAddress)),
    tls: certificate && { file: join(folder.path, 'certificate.yaml'), folder: folder.path },
    ...options.values,
  };
  const engine = await startEngine(folder, {
    name: 'envoy',
    prepare: () => prepare(folder.path, values, certificate),
    command: [program, '-c', 'envoy.yaml', ...programOptions],
    answers: () => isLive(adminPort),
  });
  const address = `127.0.0.1:${port}`;
  const origin = `${certificate === undefined ? 'http' : 'https'}://${address}`;
  return Object.assign(engine, {
    address,
    origin,
    admin: `127.0.0.1:${adminPort}`,
    statistics: `127.0.0.1:${statisticsPort}`,
  });
}

function gatewayAt(address: string, httpAddress: string): EnvoyValues['gateways'][number] {
  const [host = '', grpcPort] = address.split(':');
  return { host, grpcPort: Number(grpcPort), httpPort: Number(httpAddress.split(':').at(-1)) };
}

async function prepare(folder: string, values: EnvoyValues, certificate: Certificate | undefined): Promise<void> {
  await writeFile(join(folder, 'envoy.yaml'), envoyFile('For a test.', values));
  if (certificate === undefined || values.tls === undefined) return;
  await writeFile(join(folder, 'tls.crt'), certificate.cert);
  await writeFile(join(folder, 'tls.key'), certificate.key);
  await writeFile(join(folder, 'certificate.yaml'), certificateFile('For a test.', values.tls));
}

/** It is live when it has asked each gateway for its health. */
async function isLive(adminPort: number): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${adminPort}/ready`, { signal: AbortSignal.timeout(answerTimeoutMs) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`Envoy is not ready: ${text}`);
}
