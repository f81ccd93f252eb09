import { randomUUID } from 'node:crypto';
import { type BidiSession, type Dial, dial, type Hello, type Session, type Shape } from './black-box-client.ts';
import type { CallRefused, Dynamic } from './contract.ts';
import type { ParleyServer } from './server.ts';

/** The sessions of one test, all of them ended with it. */
export class TestSessions implements AsyncDisposable {
  readonly #where: Dial;
  readonly #sessions: Session[] = [];

  constructor(server: Pick<ParleyServer, 'address'>, shape: Shape) {
    this.#where = { address: server.address, shape };
  }

  /** Says hello, with this access token if there is one; refused, waiting or welcome is for the test to see. */
  dial(hello: Hello = {}, accessToken?: string): Session {
    const session = dial(accessToken === undefined ? this.#where : { ...this.#where, accessToken }, hello);
    this.#sessions.push(session);
    return session;
  }

  /** Says hello and is welcomed; as a client with a new id unless one is given. */
  async connect(hello: Hello = {}): Promise<{ session: Session; welcome: Dynamic; clientId: string }> {
    const clientId = hello.clientId ?? `guest-${randomUUID()}`;
    const session = this.dial({ ...hello, clientId });
    return { session, welcome: await session.welcome(), clientId };
  }

  /** Drops what is left and waits until each stream has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#sessions) session.drop();
    await Promise.all(this.#sessions.map((session) => session.ended));
  }
}

/** The refusal that ended the session. Throws when it ended without one. */
export async function refusalOf(session: Session): Promise<CallRefused> {
  const how = await session.ended;
  if (how === null) throw new Error('the session ended without a refusal');
  return how;
}

/** The session as the bidirectional stream it is. */
export function bidi(session: Session): BidiSession {
  return session as BidiSession;
}

/** Asks again until the answer satisfies; rejects with the last answer after the time limit. */
export async function eventually<T>(
  ask: () => Promise<T>,
  enough: (answer: T) => boolean,
  timeoutMs = 30_000,
): Promise<T> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (enough(answer)) return answer;
    if (performance.now() > until) throw new Error(`not within ${timeoutMs} ms; last: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Says this, under the same client message id, until it is answered. Rejects as `eventually`: with what kept it from that, and what the session was sent. */
export async function askUntilAnswered(session: Session, text: string): Promise<void> {
  await eventually(
    () =>
      session.ask(text, text).then(
        () => 'answered',
        (error: unknown) => `${String(error)}, after ${session.events.map(({ event }) => event).join(' ')}`,
      ),
    (outcome) => outcome === 'answered',
  );
}
