import { createInterface } from 'node:readline';

/** Whether an answer is a yes. */
export function isYes(answer: string): boolean {
  return /^y(es)?$/i.test(answer.trim());
}

/** Asks on a terminal; from a pipe, takes its next line. Without the spaces around it; '' at the end of the input. */
export async function ask(
  question: string,
  input: NodeJS.ReadableStream & { readonly isTTY?: boolean } = process.stdin,
  output: NodeJS.WritableStream = process.stdout,
): Promise<string> {
  const lines = createInterface({ input, output, terminal: input.isTTY === true });
  const { promise, resolve } = Promise.withResolvers<string>();
  // Of a line and the end of the input behind it, the line comes first.
  lines.question(question, resolve);
  lines.once('close', () => resolve(''));
  const answer = await promise;
  lines.close();
  return answer.trim();
}
