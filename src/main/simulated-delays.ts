/**
 * What a load test needs of the simulated provider: how long the reply to each message takes of itself. With the settings of the server, whose
 * seed must be a number; a message per line of standard input (JSON), its milliseconds per line of standard output.
 */
import { createInterface } from 'node:readline';
import { simulatedMs } from '../adapters/simulated/simulated-provider.ts';
import { loadEnvironment } from '../config/environment.ts';
import type { ReplyKind } from '../ports/provider.ts';

/** As much as is needed of a line. `text`: all words of the message. */
interface Line {
  readonly messageId: string;
  readonly kind: ReplyKind | 'image';
  readonly text: string;
}

const { provider } = loadEnvironment();
if (provider.kind !== 'simulated' || provider.seed === 'random')
  throw new Error('PARLEY_PROVIDER=simulated with a number as PARLEY_SIMULATED_SEED expected');
const { seed } = provider;
for await (const line of createInterface({ input: process.stdin })) {
  const { kind, ...said } = JSON.parse(line) as Line;
  // A picture is answered as text is.
  const replyKind = kind === 'image' ? 'text' : kind;
  process.stdout.write(`${simulatedMs(provider, seed, { ...said, replyKind })}\n`);
}
