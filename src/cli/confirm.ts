import { createInterface } from 'node:readline';

/** Whether an answer is a yes. */
export function isYes(answer: string): boolean {
  return /^y(es)?$/i.test(answer.trim());
}

/** Asks a question that is answered by a yes or by anything else. */
export async function confirmed(
  question: string,
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
): Promise<boolean> {
  const asking = createInterface({ input, output });
  const { promise, resolve } = Promise.withResolvers<boolean>();
  asking.question(question, (answer) => resolve(isYes(answer)));
  asking.on('close', () => resolve(false));
  const isSure = await promise;
  asking.close();
  return isSure;
}
