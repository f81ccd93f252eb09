import { spawn } from 'node:child_process';

/** What a failed tool said last is where its reason is. */
const tailChars = 4_000;

/** Runs a tool to its end. Rejects with its last words unless it succeeds. */
export function runTool(tool: string, args: readonly string[]): Promise<void> {
  const child = spawn(tool, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  const hear = (chunk: Buffer) => {
    said = (said + String(chunk)).slice(-tailChars);
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, killedBy) => {
      if (code === 0) resolve();
      else reject(new Error(`${tool} ended with ${code ?? killedBy}: ${said.trim()}`));
    });
  });
}
