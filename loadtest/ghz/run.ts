/**
 * `npm run load:ghz [-- NAME...] [--address HOST:PORT] [--requests N] [--concurrency N] [--out FOLDER]`: calls a server by ghz as each file of
 * calls/ says, or those named; a server of its own unless an address is given. Writes <name>.html and <name>.json, and shows a table. The exit code is 1
 * when a call ended as it should not.
 */
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as grpc from '@grpc/grpc-js';
import { startParley } from '../system/processes.ts';
import { ghz } from './install.ts';
import { type Measured, measure } from './measure.ts';
import { table } from './table.ts';
import { variablesOf } from './variables.ts';

const folder = fileURLToPath(new URL('calls/', import.meta.url));
/** Most of the 50 that may be open: what else is connected to a server that runs already should find a place. */
const maxHeldSessions = 40;
/** Of a server on a slow machine that is busy. */
const reachableTimeoutMs = 10_000;

interface Options {
  readonly names: readonly string[];
  readonly address: string | undefined;
  readonly requests: number | undefined;
  readonly concurrency: number | undefined;
  readonly out: string;
}

async function options(): Promise<Options> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      address: { type: 'string' },
      requests: { type: 'string' },
      concurrency: { type: 'string' },
      out: { type: 'string', default: 'load-results/ghz' },
    },
  });
  const whole = (option: 'requests' | 'concurrency') => {
    const given = values[option];
    if (given !== undefined && !/^[1-9]\d{0,8}$/.test(given)) throw new Error(`--${option} is a whole number from 1`);
    return given === undefined ? undefined : Number(given);
  };
  const { address, out } = values;
  const names = await chosen(positionals);
  return { names, address, requests: whole('requests'), concurrency: whole('concurrency'), out };
}

/** The configurations that are asked for, or all. */
async function chosen(names: readonly string[]): Promise<readonly string[]> {
  const known = (await readdir(folder)).map((file) => file.replace('.json', '')).sort();
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`there is no ${unknown}; there are ${known.join(', ')}`);
  return names.length > 0 ? names : known;
}

/** ghz itself tries for long, and then does not say where. */
async function checkReachable(address: string): Promise<void> {
  const client = new grpc.Client(address, grpc.credentials.createInsecure());
  try {
    await new Promise<void>((resolve, reject) => {
      client.waitForReady(Date.now() + reachableTimeoutMs, (error) => {
        if (error === undefined) resolve();
        else reject(new Error(`no gRPC server answers at ${address}`, { cause: error }));
      });
    });
  } finally {
    client.close();
  }
}

async function measureAll(address: string, { names, requests, concurrency, out }: Options): Promise<Measured[]> {
  await checkReachable(address);
  const program = await ghz();
  await mkdir(out, { recursive: true });
  const all: Measured[] = [];
  for (const name of names) {
    const file = join(folder, `${name}.json`);
    const sessions = Math.min(concurrency ?? maxHeldSessions, maxHeldSessions);
    await using variables = await variablesOf(await readFile(file, 'utf8'), address, sessions);
    all.push(await measure({ ghz: program, file, address, requests, concurrency, variables: variables.values, out }));
  }
  return all;
}

async function onOwnServer(given: Options): Promise<Measured[]> {
  const dataDir = await mkdtemp(join(tmpdir(), 'parley-ghz-'));
  try {
    await using server = await startParley({ PARLEY_DATA_DIR: dataDir });
    return await measureAll(server.address, given);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

try {
  const given = await options();
  const measured = given.address === undefined ? await onOwnServer(given) : await measureAll(given.address, given);
  console.log(table(measured));
  console.log(`\nPages and calls are in ${given.out}.`);
  for (const { name, unexpected } of measured) for (const error of unexpected) console.error(`${name}: ${error}`);
  const failed = measured.filter(({ unexpected, goodMs }) => unexpected.length > 0 || goodMs.count === 0);
  process.exitCode = failed.length === 0 ? 0 : 1;
} catch (error) {
  for (let at = error; at instanceof Error; at = at.cause) console.error(at.message);
  process.exitCode = 1;
}
