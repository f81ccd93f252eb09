import { dial, type Session } from '../black-box-client.ts';
import { clientNumber, recordedClient, talkAboutEverything } from './recorded-talk.ts';
import { callsIn, type RecordedCall, record } from './recording.ts';
import { replaced } from './target.ts';

const sessionIdField = 0x0a;

/**
 * What a real client called, to be called again: as a client of its own each time, and in a session that is open, so that calls get as far as they can.
 * A call may end that session; then there is another.
 */
export class RecordedCalls implements AsyncDisposable {
  readonly calls: readonly RecordedCall[];
  readonly #address: string;
  readonly #recordedSession: string;
  #session: Session | undefined;
  #sessionId = '';
  #isOpening = false;
  #made = 0;

  /** Records the calls at this address. Rejects when the server refuses the session. */
  static async record(address: string): Promise<RecordedCalls> {
    const recording = await record(address, talkAboutEverything);
    const calls = (await Promise.all(recording.map(callsIn))).flat();
    const recorded = new RecordedCalls(
      address,
      calls.filter(({ messages }) => messages.length > 0),
    );
    await recorded.#open();
    return recorded;
  }

  private constructor(address: string, calls: readonly RecordedCall[]) {
    this.#address = address;
    this.calls = calls;
    this.#recordedSession = sessionOf(calls);
  }

  /** Makes of bytes of the recording those of the next client. */
  nextClient(): (bytes: Buffer) => Buffer {
    this.#made += 1;
    const client = clientNumber(this.#made);
    return (bytes) => replaced(replaced(bytes, recordedClient, client), this.#recordedSession, this.#openSession());
  }

  /** The newest session's id: of one that is over until the next is open. */
  #openSession(): string {
    // What it is refused for is seen by the next call, which asks for it again.
    if (this.#session === undefined || this.#session.isOver) void this.#open().catch(() => undefined);
    return this.#sessionId;
  }

  async #open(): Promise<void> {
    if (this.#isOpening) return;
    this.#isOpening = true;
    try {
      this.#session = dial({ address: this.#address, shape: 'split' });
      this.#sessionId = (await this.#session.welcome()).sessionId;
    } finally {
      this.#isOpening = false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session?.drop();
    await this.#session?.ended;
  }
}

/** The id of the session that was recorded, as the split calls name it in their first field. Throws when there was none. */
function sessionOf(calls: readonly RecordedCall[]): string {
  const message = calls.find(({ path }) => path.endsWith('/Heartbeat'))?.messages[0];
  if (message?.[0] !== sessionIdField) throw new Error('no call of a session was recorded');
  return message.toString('latin1', 2, 2 + (message[1] ?? 0));
}
