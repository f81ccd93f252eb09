import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installed } from '../engines/install.ts';

/** All cases take 12 s; a busy machine may need ten times as long. */
const runTimeoutMs = 120_000;

/** A server that speaks HTTP/2 on this machine. */
export interface H2Server {
  readonly port: number;
  /** By TLS, whoever signed the certificate. */
  readonly tls: boolean;
  /** Within this the server does what it does about a frame; where it does nothing, the case takes as long. Default: 1, enough for node:http2 on this machine. */
  readonly answerSeconds?: number;
}

/** skipped: h2spec could not try it on this server. */
export type Outcome = 'passed' | 'failed' | 'skipped';

/** How a case ended. */
export interface CaseResult {
  /** As the command line of h2spec takes it: `http2/6.3/1`. */
  readonly id: string;
  readonly title: string;
  readonly outcome: Outcome;
  /** What was expected and, in its last line, what came; '' unless it failed. */
  readonly detail: string;
}

/**
 * Runs h2spec, with its strict cases, against a server: all cases, or those of these sections (`http2/6.3`). It is installed when it is not there yet. Rejects when it
 * ends without a report.
 */
export async function runH2spec(server: H2Server, sections: readonly string[] = []): Promise<readonly CaseResult[]> {
  const program = join(await installed('h2spec'), 'h2spec');
  const folder = await mkdtemp(join(tmpdir(), 'parley-h2spec-'));
  try {
    const report = join(folder, 'report.xml');
    const tls = server.tls ? ['--tls', '--insecure'] : [];
    const options = [
      '--strict',
      `--timeout=${server.answerSeconds ?? 1}`,
      `--port=${server.port}`,
      `--junit-report=${report}`,
    ];
    const said = await run(program, [...options, ...tls, ...sections]);
    const xml = await readFile(report, 'utf8').catch((error: unknown) => {
      throw new Error(`h2spec wrote no report; it said:\n${said}`, { cause: error });
    });
    return resultsIn(xml);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What it said. Its exit code is 1 when a case fails, which the report tells better. */
function run(program: string, args: readonly string[]): Promise<string> {
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: AbortSignal.timeout(runTimeoutMs),
    killSignal: 'SIGKILL',
  });
  const said: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve(Buffer.concat(said).toString()));
  });
}

const testCase = /<testcase package="([^"]*)" classname="([^"]*)" time="[^"]*">([\s\S]*?)<\/testcase>/g;

/**
 * The cases of a JUnit report, in its order. The report is not read as XML, because it is none: octets that a server sent stand in it as they are.
 * It has no number of a case but its place in its section, so it must be of whole sections,
 * as `runH2spec` asks for them.
 */
export function resultsIn(report: string): readonly CaseResult[] {
  const numbers = new Map<string, number>();
  return Array.from(report.matchAll(testCase), ([, section = '', title = '', content = '']) => {
    const number = (numbers.get(section) ?? 0) + 1;
    numbers.set(section, number);
    const detail = /<(?:error|failure)>([\s\S]*)<\/(?:error|failure)>/.exec(content)?.[1];
    const outcome = detail !== undefined ? 'failed' : content.includes('<skipped') ? 'skipped' : 'passed';
    return { id: `${section}/${number}`, title: unescaped(title), outcome, detail: unescaped(detail ?? '') };
  });
}

const characters: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', '#34': '"', '#39': "'" };

function unescaped(text: string): string {
  return text.replaceAll(/&([a-z]+|#\d+);/g, (entity, name: string) => characters[name] ?? entity);
}
