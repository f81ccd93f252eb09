import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';

/** Asks on the terminal; from a pipe, takes its next line. Without the spaces around it; '' at the end of the input. */
export async function ask(question: string): Promise<string> {
  return (await askOn(process.stdout, question)).trim();
}

/** Asks on the terminal without showing what is typed; from a pipe, takes its next line unasked. As it is: spaces count. */
export async function askSecret(question: string): Promise<string> {
  if (process.stdin.isTTY) process.stdout.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const answer = await askOn(nowhere, '');
  if (process.stdin.isTTY) process.stdout.write('\n');
  return answer;
}

async function askOn(output: NodeJS.WritableStream, question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output, terminal: process.stdin.isTTY });
  try {
    const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
    return await Promise.race([lines.question(question), ended]);
  } finally {
    lines.close();
  }
}
