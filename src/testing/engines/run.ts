import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Engine, EngineOptions } from './engine-process.ts';
import { type EngineName, engineNames } from './install.ts';
import { startKafka } from './kafka.ts';
import { startMongo } from './mongo.ts';
import { startNats } from './nats.ts';
import { startS3 } from './s3.ts';

/**
 * `npm run engines`: all four in the foreground, on fixed ports of 127.0.0.1, with their data kept. Prints the settings with which Parley uses them,
 * and last `engines ready`. Ctrl-C or SIGTERM ends them in order and exits with 0; it exits with 1 when one cannot start or ends by itself.
 */
const { values } = parseArgs({
  options: {
    'kafka-port': { type: 'string', default: '9092' },
    'mongo-port': { type: 'string', default: '27017' },
    'nats-port': { type: 'string', default: '4222' },
    's3-port': { type: 'string', default: '9000' },
    'data-dir': { type: 'string', default: './data/engines' },
  },
});
const running = new Map<string, Engine>();
const told = new Promise<void>((hear) => {
  process.on('SIGINT', () => hear());
  process.on('SIGTERM', () => hear());
});

// An installation takes minutes, and nothing is lost by ending in the middle of a start: what was started ends with this process.
void told.then(() => {
  if (running.size < engineNames.length) process.exit(0);
});

async function begin<E extends Engine>(name: EngineName, start: (options: EngineOptions) => Promise<E>): Promise<E> {
  const port = Number(values[`${name}-port`]);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Error(`--${name}-port is not a port`);
  console.log(`starting ${name} on 127.0.0.1:${port}`);
  const engine = await start({ port, dataDir: resolve(values['data-dir'], name) });
  running.set(name, engine);
  return engine;
}

async function endAll(): Promise<void> {
  await Promise.all([...running.values()].map((engine) => engine.stop()));
}

/** Resolves with the name of the first engine that ends by itself. */
function firstEnd(): Promise<string> {
  return Promise.race([...running].map(([name, engine]) => engine.exited().then(() => name)));
}

async function run(): Promise<void> {
  const nats = await begin('nats', startNats);
  const s3 = await begin('s3', startS3);
  const mongo = await begin('mongo', startMongo);
  const kafka = await begin('kafka', startKafka);
  console.log(`
PARLEY_PROFILE=distributed
PARLEY_KAFKA_BROKERS=${kafka.brokers}
PARLEY_KAFKA_REPLICATION_FACTOR=1
PARLEY_MONGODB_URI=${mongo.uri}
PARLEY_NATS_SERVERS=${nats.servers}
PARLEY_S3_ENDPOINT=${s3.endpoint}
PARLEY_S3_ACCESS_KEY_ID=${s3.accessKeyId}
PARLEY_S3_SECRET_ACCESS_KEY=${s3.secretAccessKey}

engines ready`);
  const ended = await Promise.race([told, firstEnd()]);
  if (ended !== undefined) throw new Error(`${ended} has ended by itself; the end of its log may say why`);
}

try {
  await run();
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await endAll();
}
