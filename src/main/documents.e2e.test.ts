import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { DemoShell, expectShape } from '../testing/demo-shell.ts';
import { type Demo, demosIn } from '../testing/demos.ts';
import { childEnv, runParley } from '../testing/server.ts';
import { eventually } from '../testing/test-sessions.ts';

/** Sections whose commands are run here. */
const runHere: ReadonlySet<string> = new Set([
  'README.md: Five minutes',
  'docs/usage.md: Media and history',
  'docs/usage.md: What replies cost',
  'docs/single-server.md: Back up and restore',
]);

/** Sections, or whole documents, whose commands need more than Node, and what tests them. */
const runElsewhere: Readonly<Record<string, string>> = {
  'README.md: Many processes': 'test:engines and test:clusters (cluster.engine.test.ts starts the same processes)',
  'docs/deployment.md: ': 'test:clients (page.clients.test.ts follows the page)',
  'README.md: Call it': 'test:clients (every call of docs/api.md by grpcurl)',
};

/** A new process on a busy machine. */
const acceptedWithinMs = 120_000;

/** While this is answered the server is killed, and started again. */
const killedDuring = 'Tell me something about the sea.';

const documents = [
  'README.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const demos = documents.flatMap((document) =>
  demosIn(readFileSync(document, 'utf8')).map((demo) => ({ ...demo, section: `${document}: ${demo.section}` })),
);

let folder: string;
let env: Record<string, string>;
let server: ChildProcess;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-documents-'));
  env = childEnv({
    PARLEY_GRPC_LISTEN: `127.0.0.1:${await freePort()}`,
    PARLEY_HTTP_LISTEN: `127.0.0.1:${await freePort()}`,
    PARLEY_DATA_DIR: join(folder, 'data'),
    // So that there is time to kill it, and to stop a reply, on a machine that does other things as well.
    PARLEY_SIMULATED_TEXT_DELAY_MS: '2500',
    PARLEY_SIMULATED_PIECE_INTERVAL_MS: '200',
    XDG_STATE_HOME: join(folder, 'state'),
    TZ: 'UTC',
  });
});
afterAll(async () => {
  await kill(server);
  await rm(folder, { recursive: true });
});

async function freePort(): Promise<number> {
  await using listening = createServer().listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const address = listening.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

test('every command that a document shows is run, here or elsewhere', () => {
  const isRun = (section: string) =>
    runHere.has(section) || Object.keys(runElsewhere).some((key) => section.startsWith(key));
  const unknown = demos.filter(({ section }) => !isRun(section));
  expect(unknown).toEqual([]);
  for (const document of documents) expect(readFileSync(document, 'utf8')).not.toContain('pkill');
});

test.each([...runHere])('%s: what is shown is what is printed', async (section) => {
  const shown = demos.filter((demo) => demo.section === section);
  expect(shown.length).toBeGreaterThan(0);
  await using shell = new DemoShell(['bash', '--norc'], { env });
  for (const demo of shown) {
    if (demo.command === 'npm start') await startAs(demo);
    else {
      const printed = await run(shell, demo);
      expectShape(demo, printed);
      for (const [, kept = ''] of printed.join('\n').matchAll(/→ (parley-media\/\S+)\]/g)) await rm(kept);
    }
  }
});

async function run(shell: DemoShell, { command }: Demo): Promise<readonly string[]> {
  const printed = shell.run(command).then(({ lines }) => lines);
  if (command.includes(killedDuring)) {
    await eventually(
      async () => (await runParley(['tail', '--no-follow', '--texts'], env)).stdout,
      (log) => log.includes(killedDuring),
      acceptedWithinMs,
    );
    await kill(server);
    server = start();
    await listening(server);
  }
  return printed;
}

async function startAs(demo: Demo): Promise<void> {
  server = start();
  const lines = (await listening(server)).split('\n');
  expectShape(demo, lines.slice(lines.findIndex((line) => line.startsWith('parley is listening'))));
}

/** In a process group of its own, as a terminal starts it. */
function start(): ChildProcess {
  return spawn('npm', ['start'], { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Resolves to what it has printed when it has said the last of its tips. */
async function listening({ stdout, stderr }: ChildProcess): Promise<string> {
  let printed = '';
  let errors = '';
  stderr?.on('data', (chunk) => {
    errors += String(chunk);
  });
  for await (const chunk of stdout ?? []) {
    printed += String(chunk);
    if (printed.includes('Ctrl-C stops it')) return printed;
  }
  throw new Error(`npm start ended: ${printed}${errors}`);
}

async function kill(started: ChildProcess): Promise<void> {
  if (started.pid === undefined || started.exitCode !== null) return;
  const ended = once(started, 'exit');
  process.kill(-started.pid, 'SIGKILL');
  await ended;
}
