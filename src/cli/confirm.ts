import { createInterface } from 'node:readline';

/** Asks a question that is answered by `yes` or by anything else. */
export async function confirmed(
  question: string,
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
): Promise<boolean> {
  const asking = createInterface({ input, output });
  const { promise, resolve } = Promise.withResolvers<boolean>();
  asking.question(question, (answer) => resolve(answer.trim().toLowerCase() === 'yes'));
  asking.on('close', () => resolve(false));
  const isSure = await promise;
  asking.close();
  return isSure;
}
