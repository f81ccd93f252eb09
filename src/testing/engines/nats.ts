import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type Engine, type EngineOptions, engineFolder, externalEngine, startEngine } from './engine-process.ts';
import { portFor } from './free-port.ts';
import { installed } from './install.ts';

const answerTimeoutMs = 2_000;

export interface NatsEngine extends Engine {
  /** `nats://127.0.0.1:port`, or what NATS_SERVERS says (comma-separated). */
  readonly servers: string;
}

/** NATS, about 0.1 s. It keeps nothing. External: NATS_SERVERS. */
export async function startNats(options: EngineOptions = {}): Promise<NatsEngine> {
  const { NATS_SERVERS: external } = process.env;
  if (options.external === 'allowed' && external) return { ...externalEngine('NATS'), servers: external };

  const program = join(await installed('nats'), 'nats-server');
  const port = await portFor(options);
  const folder = await engineFolder('nats', options);
  const engine = await startEngine(folder, {
    name: 'nats',
    command: [program, '-a', '127.0.0.1', '-p', String(port)],
    answers: () => greets(port),
  });
  return Object.assign(engine, { servers: `nats://127.0.0.1:${port}` });
}

/** The server speaks first: `INFO {...}`. */
async function greets(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    const [greeting] = await once(socket, 'data', { signal: AbortSignal.timeout(answerTimeoutMs) });
    if (!String(greeting).startsWith('INFO ')) throw new Error(`not a NATS server on port ${port}`);
  } finally {
    socket.destroy();
  }
}
