import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const settleTimeoutMs = 30_000;
const pollMs = 50;
const connectTimeoutMs = 2_000;

/** A script beside this file or above it, run by Node. */
export function runScript(name: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = process.env) {
  const path = fileURLToPath(new URL(name, import.meta.url));
  return spawn(process.execPath, ['--no-warnings', path, ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Its output up to the first line that has the pattern in it. Rejects when it ends before. */
export async function outputUntil(child: ChildProcess, pattern: RegExp): Promise<string> {
  let said = '';
  for await (const chunk of child.stdout ?? []) {
    said += String(chunk);
    if (pattern.test(said)) return said;
  }
  throw new Error(`ended without ${pattern}:\n${said}`);
}

/** Whether anybody takes connections there: a refusal comes at once, and silence is a frozen process with as many connections as wait in line. */
export async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(connectTimeoutMs) });
    return true;
  } catch (error) {
    return error instanceof Error && error.name === 'AbortError';
  } finally {
    socket.destroy();
  }
}

/** Resolves when the condition holds; rejects after 30 s. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + settleTimeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${settleTimeoutMs} ms: ${what}`);
    await sleep(pollMs);
  }
}
