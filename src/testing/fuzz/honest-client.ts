import { dial, type Session, textOf, withToken } from '../black-box-client.ts';
import { call, clientOf, type Dynamic, hangUp } from '../contract.ts';

/** Between an answer and the next message. */
const pauseMs = 100;
const pageSize = 100;

/** Talks on one session beside an attack, and compares what it was told with what history has. */
export class HonestClient {
  readonly #address: string;
  readonly #accessToken: string | undefined;
  readonly #session: Session;
  readonly #said: string[] = [];
  #conversationId = '';
  #isOver = false;
  #talk: Promise<void> = Promise.resolve();

  /** Resolves once it has been answered. */
  static async greet(address: string, accessToken?: string): Promise<HonestClient> {
    const client = new HonestClient(address, accessToken);
    const { conversationId } = await client.#session.welcome();
    client.#conversationId = conversationId;
    await client.#ask();
    client.#talk = client.#talkOn();
    // Seen by `faults`.
    client.#talk.catch(() => undefined);
    return client;
  }

  private constructor(address: string, accessToken: string | undefined) {
    this.#address = address;
    this.#accessToken = accessToken;
    const clientId = accessToken === undefined ? { clientId: 'honest' } : { clientId: '' };
    this.#session = dial({ address, shape: 'bidi', ...(accessToken !== undefined && { accessToken }) }, clientId);
  }

  async #ask(): Promise<void> {
    const text = `message ${this.#said.length}`;
    this.#said.push(text);
    await this.#session.ask(text);
  }

  async #talkOn(): Promise<void> {
    while (!this.#isOver) {
      await this.#ask();
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  /** Says no more. Resolves to how many messages were said, and to what was lost of them. */
  async finish(): Promise<{ readonly said: number; readonly faults: readonly string[] }> {
    this.#isOver = true;
    const faults: string[] = [];
    await this.#talk.catch((error: unknown) => faults.push(`the honest client was not answered: ${String(error)}`));
    const kept = await this.#history().catch((error: unknown) => String(error));
    this.#session.drop();
    if (typeof kept === 'string') faults.push(`the honest client cannot read its history: ${kept}`);
    else if (kept.questions.join() !== this.#said.join() || kept.answers !== this.#said.length)
      faults.push(
        `the honest client said ${this.#said.length}, history has ${kept.questions.length} and ${kept.answers} replies`,
      );
    return { said: this.#said.length, faults };
  }

  async #history(): Promise<{ readonly questions: readonly string[]; readonly answers: number }> {
    const client = clientOf('chat.v1.HistoryService', this.#address);
    const messages: Dynamic[] = [];
    try {
      const atLeastSequence = Math.max(...this.#session.all('message').map(({ sequence }) => Number(sequence)));
      for (let pageToken = ''; ; ) {
        const request = { conversationId: this.#conversationId, pageSize, pageToken, atLeastSequence };
        const page = await call(client, 'ListMessages', request, undefined, withToken(this.#accessToken));
        messages.push(...page.messages);
        pageToken = page.nextPageToken;
        if (pageToken === '') break;
      }
    } finally {
      hangUp(client);
    }
    const questions = messages.filter(({ role }) => role === 'ROLE_USER').map(textOf);
    return { questions, answers: messages.filter(({ role }) => role === 'ROLE_ASSISTANT').length };
  }
}
