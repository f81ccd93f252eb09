import { setTimeout as sleep } from 'node:timers/promises';
import type { Chat } from '../../src/client/chat.ts';
import { grpc } from '../../src/client/node/grpc.ts';
import { Parley } from '../../src/client/parley.ts';
import { Latencies } from '../driver/latencies.ts';

const count = 20;
/** Each says three things a second, whatever becomes of them: what a message takes is asked, not how many there can be. */
const pauseMs = { min: 200, max: 400 };
const text = 'Is the service still there for those who have an account?';

/** From handing a message over to the end of its reply, in milliseconds. */
export interface Talk {
  readonly answered: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * Connects clients that attack nobody, each with a connection of its own, and an account where the server keeps some. They are closed with what is `opened`. They
 * talk for so many milliseconds whenever they are told to; that rejects when a message is not answered.
 */
export async function connectHonest(
  address: string,
  withAccounts: boolean,
  opened: AsyncDisposableStack,
): Promise<(durationMs: number) => Promise<Talk>> {
  const wire = grpc({ address });
  using anybody = new Parley({ wire });
  const connect = async (name: string) => {
    if (!withAccounts) return new Parley({ wire, clientId: name }).chat();
    const { tokens } = await anybody.accounts.signUp({ userName: name, password: 'correct horse battery' });
    if (tokens === undefined) throw new Error(`${name} has no tokens`);
    // Longer than any run.
    const token = { text: tokens.accessToken, renewAtMs: Date.now() + 3_600_000 };
    return new Parley({ wire, tokens: { fresh: async () => token } }).chat();
  };
  const chats: Chat[] = [];
  // One after another: sign-ups of an address wait for each other, and too many are refused.
  for (let index = 0; index < count; index += 1) chats.push(opened.use(await connect(`honest-${index}`)));
  return async (durationMs) => {
    const untilMs = performance.now() + durationMs;
    const latencies = new Latencies();
    await Promise.all(chats.map((chat) => talk(chat, untilMs, latencies)));
    const { p50, p99, max } = latencies.distribution();
    return { answered: latencies.count, p50, p99, max };
  };
}

async function talk(chat: Chat, untilMs: number, latencies: Latencies): Promise<void> {
  const said: Promise<void>[] = [];
  const say = async () => {
    const begunMs = performance.now();
    await (await chat.send(text)).reply;
    latencies.record(performance.now() - begunMs);
  };
  while (performance.now() < untilMs) {
    await sleep(pauseMs.min + Math.random() * (pauseMs.max - pauseMs.min));
    said.push(say());
  }
  await Promise.all(said);
}
