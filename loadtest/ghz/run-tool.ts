import { spawn } from 'node:child_process';

/** What a failed tool said last is where its reason is. */
const tailChars = 4_000;

/** Runs a tool to its end, and gives the end of its output. Rejects with that unless it succeeds. */
export function runTool(tool: string, args: readonly string[]): Promise<string> {
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
      if (code === 0) resolve(said.trim());
      else reject(new Error(`${tool} ended with ${code ?? killedBy}: ${said.trim()}`));
    });
  });
}
