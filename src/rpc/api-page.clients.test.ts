import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { allHaveLeft } from '../testing/arrivals.ts';
import { type ParleyServer, startServer } from '../testing/server.ts';
import { eventually } from '../testing/test-sessions.ts';

/** The client that the page's lines are for: a binary of this name on the path, or where GRPCURL says. */
const grpcurl = process.env['GRPCURL'];
const page = readFileSync(fileURLToPath(new URL('../../docs/api.md', import.meta.url)), 'utf8');
const address = '127.0.0.1:50051';

/** A call of the page: what is pasted before it, and its own line. */
interface Pasted {
  readonly service: string;
  readonly rpc: string;
  readonly preparation: string;
  readonly line: string;
}

/** What stands in the shell blocks below each heading, by the heading's level. */
function callsOf(text: string): readonly Pasted[] {
  const calls: Pasted[] = [];
  let general = '';
  let service = { name: '', preparation: '' };
  for (const section of text.split(/^(?=##? |### )/m)) {
    const [, marks = '', title = ''] = /^(#+) (.*)/.exec(section) ?? [];
    const shells = Array.from(section.matchAll(/^```sh\n([\s\S]*?)\n```$/gm), ([, shell = '']) => shell).join('\n');
    if (title === 'Before you begin') general = shells;
    else if (marks === '##') service = { name: title, preparation: shells };
    else if (marks === '###' && shells !== '') {
      const before = service.name === 'AccountService' ? service.preparation : `${general}\n${service.preparation}`;
      calls.push({ service: service.name, rpc: title, preparation: before, line: shells });
    }
  }
  return calls;
}

const calls = callsOf(page);
const ofAccounts = calls.filter(({ service }) => service === 'AccountService');
const stays = ({ rpc }: Pasted) => rpc === 'Open';
/** On a server on which nothing went wrong there is nothing to replay. */
const isRefused = ({ rpc }: Pasted) => rpc === 'ReplayParked';

let server: ParleyServer;
let keepingAccounts: ParleyServer;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'parley-pasted-'));
  const quick = { PARLEY_SIMULATED_TEXT_DELAY_MS: '0' };
  server = await startServer({ env: quick });
  keepingAccounts = await startServer({ env: { ...quick, PARLEY_AUTH: 'accounts' } });
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await keepingAccounts?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** A shell into which something was pasted, with everything that it left in the background. */
class Shell implements Disposable {
  readonly ended: Promise<number | null>;
  readonly #pid: number;
  readonly #path: string;

  constructor(script: string, where: string) {
    this.#path = mkdtempSync(join(folder, 'shell-'));
    // Files, not pipes: what was left in the background would hold those open.
    const [stdout = 0, stderr = 0] = ['stdout', 'stderr'].map((name) => openSync(join(this.#path, name), 'w'));
    const path = [...(grpcurl === undefined ? [] : [dirname(grpcurl)]), process.env['PATH']].join(delimiter);
    const shell = spawn('bash', ['-c', script.replaceAll(address, where)], {
      detached: true,
      stdio: ['ignore', stdout, stderr],
      env: { PATH: path, TMPDIR: folder },
    });
    for (const file of [stdout, stderr]) closeSync(file);
    this.#pid = shell.pid!;
    this.ended = new Promise((resolve) => shell.once('exit', resolve));
  }

  get printed(): { readonly stdout: string; readonly stderr: string } {
    const read = (name: string) => readFileSync(join(this.#path, name), 'utf8');
    return { stdout: read('stdout'), stderr: read('stderr') };
  }

  [Symbol.dispose](): void {
    try {
      process.kill(-this.#pid, 'SIGKILL');
    } catch (error) {
      // Nothing was left.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

async function answerTo({ preparation, line }: Pasted, where: string): Promise<void> {
  // The server has seen that the session of the shell before is gone: one more of the same client would be refused.
  await allHaveLeft(server);
  using shell = new Shell(`${preparation}\n${line}`, where);
  const code = await shell.ended;
  expect({ code, ...shell.printed }).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^\{[\s\S]*\}\s*$/),
    stderr: expect.any(String),
  });
}

test('the page has a line for each call of every service', () => {
  const services = Array.from(page.matchAll(/^## (\w+Service)$/gm), ([, name]) => name);
  expect(services).toEqual([
    'ChatService',
    'HistoryService',
    'MediaService',
    'UsageService',
    'SpendingService',
    'OperationsService',
    'AccountService',
  ]);
  expect(calls.length).toBeGreaterThanOrEqual(26);
  for (const { service, rpc, line } of calls)
    expect(line).toMatch(new RegExp(`^grpcurl .* chat\\.v1\\.${service}/${rpc}$`));
});

describe('pasted into a shell', () => {
  test.each(calls.filter((pasted) => !stays(pasted) && !isRefused(pasted) && !ofAccounts.includes(pasted)))(
    '$service/$rpc answers',
    (pasted) => answerTo(pasted, server.address),
  );

  test.each(ofAccounts)('$service/$rpc answers where accounts are kept', (pasted) =>
    answerTo(pasted, keepingAccounts.address),
  );

  test.each(calls.filter(stays))('$service/$rpc stays open until the session is closed', async ({ line }) => {
    await allHaveLeft(server);
    using open = new Shell(line, server.address);
    const sessionOf = (output: string) => /"sessionId": "([^"]+)"/.exec(output)?.[1];
    const output = await eventually(
      async () => open.printed.stdout,
      (text) => sessionOf(text) !== undefined,
    );
    const close = `grpcurl -plaintext -d '{"session_id": "${sessionOf(output)}"}' ${address} chat.v1.ChatService/Close`;
    using closing = new Shell(close, server.address);
    expect([await closing.ended, await open.ended]).toEqual([0, 0]);
  });

  test.each(calls.filter(isRefused))('$service/$rpc is refused as the page says', async ({ preparation, line }) => {
    await allHaveLeft(server);
    using shell = new Shell(`${preparation}\n${line}`, server.address);
    expect(await shell.ended).not.toBe(0);
    expect(shell.printed.stderr).toContain('NOT_REPLAYABLE');
  });

  test('the accounts of others are refused with a reason where none are kept', async () => {
    const signIn = ofAccounts.find(({ rpc }) => rpc === 'SignIn')!;
    using shell = new Shell(signIn.line, server.address);
    expect(await shell.ended).not.toBe(0);
    expect(shell.printed.stderr).toContain('ACCOUNTS_OFF');
  });
});
