import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Pids } from './process-figures.ts';

/** A first start installs them. */
const readyTimeoutMs = 20 * 60_000;
const script = fileURLToPath(new URL('../../src/testing/engines/run.ts', import.meta.url));

/** What is told apart of their processes, by a word of each one's command line. */
const commands = { kafka: 'kafka.Kafka', mongodb: 'MongoStandIn', nats: 'nats-server', s3: 'versitygw' } as const;

/** The engines of the distributed profile: Kafka, the stand-in for MongoDB, NATS and an S3 server, each in a process of its own. */
export interface Engines extends AsyncDisposable {
  /** PARLEY_* by which a process uses them. */
  readonly settings: Readonly<Record<string, string>>;
  readonly brokers: string;
  readonly natsServers: string;
  readonly pids: Pids;
}

/** Starts all four with empty data in this folder. Rejects with what they said when one cannot start. */
export async function startEngines(dataDir: string): Promise<Engines> {
  const args = ['--data-dir', dataDir];
  for (const engine of ['kafka', 'mongo', 'nats', 's3']) args.push(`--${engine}-port`, String(await freePort()));
  // With the environment of this process: installing takes the tools that its PATH names.
  const child = spawn(process.execPath, ['--disable-warning=TimeoutNegativeWarning', script, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const over = new Promise((resolve) => child.once('close', resolve));
  const said = await ready(child, over);
  const settings = Object.fromEntries(
    [...said.matchAll(/^(PARLEY_\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
  const stop = async () => {
    child.kill('SIGTERM');
    await over;
  };
  return {
    settings,
    brokers: settings['PARLEY_KAFKA_BROKERS'] ?? '',
    natsServers: settings['PARLEY_NATS_SERVERS'] ?? '',
    pids: pidsOf(child.pid ?? 0),
    [Symbol.asyncDispose]: stop,
  };
}

function ready(child: ChildProcess, over: Promise<unknown>): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    const timer = setTimeout(() => reject(new Error(`the engines are not ready\n${output}`)), readyTimeoutMs);
    child.stdout?.on('data', (chunk) => {
      output += String(chunk);
      if (!/^engines ready$/m.test(output)) return;
      clearTimeout(timer);
      resolve(output);
    });
    void over.then(() => {
      clearTimeout(timer);
      reject(new Error(`the engines ended\n${output}`));
    });
  });
}

function pidsOf(parent: number): Pids {
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'latin1').trim().split(' ').map(Number);
  const found = children.flatMap((pid) => {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
    const name = Object.entries(commands).find(([, word]) => command.includes(word))?.[0];
    return name === undefined ? [] : [[name, pid] as const];
  });
  if (found.length !== Object.keys(commands).length) throw new Error('not all engines are found among the processes');
  return Object.fromEntries(found);
}

/** A port of 127.0.0.1 that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
