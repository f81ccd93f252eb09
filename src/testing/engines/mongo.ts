import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import { type Engine, type EngineOptions, engineFolder, externalEngine, startEngine } from './engine-process.ts';
import { portFor } from './free-port.ts';
import { installed } from './install.ts';

const answerTimeoutMs = 2_000;
/** Collected by whoever asks for memory, and seldom: threads beside it would cost a sixth more of the two cores that everything shares. */
const heap = ['-XX:+UseSerialGC', '-Xms1g', '-Xmx2g'];

export interface MongoEngine extends Engine {
  /** `mongodb://127.0.0.1:port`, or what MONGODB_URI says. */
  readonly uri: string;
}

/** A stand-in for MongoDB (see MongoStandIn.java), about 0.7 s. External: MONGODB_URI. */
export async function startMongo(options: EngineOptions = {}): Promise<MongoEngine> {
  const { MONGODB_URI: external } = process.env;
  if (options.external === 'allowed' && external) return { ...externalEngine('MongoDB'), uri: external };

  const home = await installed('mongo');
  const port = await portFor(options);
  const folder = await engineFolder('mongo', options);
  const uri = `mongodb://127.0.0.1:${port}`;
  const classPath = `${join(home, 'classes')}:${join(home, 'lib', '*')}`;
  const java = [...heap, '-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'];
  const engine = await startEngine(folder, {
    name: 'mongo',
    command: ['java', ...java, '-cp', classPath, 'MongoStandIn', String(port), join(folder.path, 'mongo.mv')],
    answers: () => answersPing(uri),
  });
  return Object.assign(engine, { uri });
}

async function answersPing(uri: string): Promise<void> {
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: answerTimeoutMs });
  try {
    await client.db('admin').command({ ping: 1 });
  } finally {
    await client.close();
  }
}
