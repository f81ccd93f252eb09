import { createInterface } from 'node:readline';
import type { ChatClient } from './chat-client.ts';
import { explain } from './explain.ts';
import { parseInput } from './input.ts';
import { printable, textOf } from './text.ts';

/** Where a piped chat reads and writes. */
export interface Pipes {
  readonly input: NodeJS.ReadableStream;
  /** Complete replies, nothing else. */
  readonly output: NodeJS.WritableStream;
  /** What was refused. */
  readonly errors: NodeJS.WritableStream;
}

/**
 * A chat for scripts: each line is a message and waits for its reply. A message refused is told, and the next one is
 * said.
 * @returns how many lines were refused
 * @throws Refusal when the client is refused, or its session ended for good
 */
export async function chatThroughPipes(
  client: ChatClient,
  address: string,
  { input, output, errors }: Pipes,
): Promise<number> {
  await client.connect();
  let refused = 0;
  for await (const line of createInterface({ input, crlfDelay: Infinity })) {
    const asked = parseInput(line);
    if (asked.kind === 'quit') break;
    try {
      if (asked.kind === 'say') output.write(`${printable(textOf((await client.send(asked.text)).reply))}\n`);
      else if (asked.kind === 'join') await client.join(asked.conversationId);
      else if (asked.kind === 'mistake') throw new Mistake(asked.told);
    } catch (error) {
      refused += 1;
      errors.write(`${error instanceof Mistake ? error.message : explain(error, address)}\n`);
    }
  }
  await client.close();
  return refused;
}

class Mistake extends Error {}
