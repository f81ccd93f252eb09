/**
 * `npm run load:ghz [-- NAME...] [--address HOST:PORT] [--requests N] [--concurrency N] [--out FOLDER]`: calls a server by ghz as each file of
 * calls/ says, or those named; a server of its own unless an address is given. Writes <name>.html and <name>.json, and shows a table. The exit code is 1
 * when a call ended as it should not.
 */

import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { grpc } from '../../src/client/node/grpc.ts';
import { Parley } from '../../src/client/parley.ts';
import { installed } from '../../src/testing/engines/install.ts';
import { conversationPage } from '../driver/history.ts';
import { type Cell, columns } from '../report/tables.ts';
import { startParley } from '../system/processes.ts';
import { type Measured, measure } from './measure.ts';

const head = ['call', 'calls', 'per second', 'p50 ms', 'p90 ms', 'p99 ms', 'max ms', 'refused', 'ended with'];

/** What was measured, a line for each kind of call; the times are those of calls that ended as they should. */
function table(measured: readonly Measured[]): string {
  return columns({ head, rows: measured.map(row) });
}

function row({ name, count, perSecond, goodMs, refusedCount, codes }: Measured): readonly Cell[] {
  const { p50, p90, p99, max } = goodMs;
  const times = [p50, p90, p99, max].map((ms) => (goodMs.count === 0 ? undefined : ms));
  const ended = Object.entries(codes).map(([code, calls]) => `${code} ${calls}`);
  return [name, String(count), perSecond, ...times, String(refusedCount), ended.join(', ')];
}

/** Of which the page is read; as it is installed where the PATH has none (src/testing/engines/install.ts). */
const ghzVersion = '0.121.0';

/** The ghz to run: the one in the PATH, or else one that is installed from its module the first time. Rejects when there is neither; stderr says why. */
async function ghz(): Promise<string> {
  const found = await promisify(execFile)('ghz', ['--version']).catch(() => undefined);
  const inPath = found && `${found.stdout}${found.stderr}`.trim();
  if (inPath !== undefined) {
    // One that was built from its module calls itself so, whatever its version.
    if (!['dev', ghzVersion, `v${ghzVersion}`].includes(inPath))
      throw new Error(
        `the ghz in the PATH is ${inPath}, and its pages may differ; use ${ghzVersion}, or a PATH without ghz`,
      );
    return 'ghz';
  }
  return join(await installed('ghz'), 'ghz');
}

const folder = fileURLToPath(new URL('calls/', import.meta.url));
/** Most of the 50 that may be open: what else is connected to a server that runs already should find a place. */
const maxHeldSessions = 40;
/** Messages of a client that may be unanswered, by default; with as many replies, a page of 20. */
const pageMessages = 10;

async function options() {
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

function parleyAt(address: string): Parley {
  return new Parley({ wire: grpc({ address }), clientId: `ghz-${randomUUID()}` });
}

/** ghz itself tries for long, and then does not say where. */
async function checkReachable(address: string): Promise<void> {
  using parley = parleyAt(address);
  await parley.accounts.describeSignIn({}).catch((cause: unknown) => {
    throw new Error(`no Parley server answers at ${address}`, { cause });
  });
}

async function measureAll(
  address: string,
  { names, requests, concurrency, out }: Awaited<ReturnType<typeof options>>,
): Promise<Measured[]> {
  await checkReachable(address);
  const program = await ghz();
  await mkdir(out, { recursive: true });
  const all: Measured[] = [];
  for (const name of names) {
    const file = join(folder, `${name}.json`);
    const sessions = Math.min(concurrency ?? maxHeldSessions, maxHeldSessions);
    await using held = new AsyncDisposableStack();
    const variables = await variablesOf(await readFile(file, 'utf8'), address, sessions, held);
    all.push(await measure({ ghz: program, file, address, requests, concurrency, variables, out }));
  }
  return all;
}

try {
  const given = await options();
  await using own = given.address === undefined ? await startParley() : undefined;
  const measured = await measureAll(given.address ?? own?.address ?? '', given);
  console.log(table(measured));
  console.log(`\nPages and calls are in ${given.out}.`);
  for (const { name, unexpected } of measured) for (const error of unexpected) console.error(`${name}: ${error}`);
  const failed = measured.filter(({ unexpected, goodMs }) => unexpected.length > 0 || goodMs.count === 0);
  process.exitCode = failed.length === 0 ? 0 : 1;
} catch (error) {
  for (let at = error; at instanceof Error; at = at.cause) console.error(at.message);
  process.exitCode = 1;
}

/** Makes those variables that the text of a configuration names, for as long as what they are of is `held`. Rejects with the Refusal of what the server refuses. */
async function variablesOf(text: string, address: string, sessions: number, held: AsyncDisposableStack) {
  const names = (variable: string) => text.includes(`env \`${variable}\``);
  const values: Record<string, string> = {};
  if (names('CONVERSATION_ID')) values['CONVERSATION_ID'] = await makeConversation(address);
  if (names('SESSION_IDS')) values['SESSION_IDS'] = (await holdSessions(address, sessions, held)).join();
  return values;
}

/** The ids of so many open sessions, each of a client of its own. */
async function holdSessions(address: string, count: number, held: AsyncDisposableStack): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < count) {
    const chat = held.use(parleyAt(address).newChat());
    ids.push((await chat.connect()).sessionId);
  }
  return ids;
}

/** The id of a conversation that history holds. */
async function makeConversation(address: string): Promise<string> {
  using parley = parleyAt(address);
  await using chat = await parley.chat();
  const posted = Array.from({ length: pageMessages }, () => chat.post('Tell me something about the sea.'));
  const sequences = await Promise.all(posted.map(async ({ reply }) => Number((await reply).sequence)));
  await conversationPage(parley.history, chat.conversationId, '', Math.max(...sequences));
  return chat.conversationId;
}
