import { create } from '@bufbuild/protobuf';
import type { Chat } from '../client/chat.ts';
import { SessionLimitsSchema } from '../client/gen/chat/v1/chat_service_pb.js';
import type { OutgoingPart, Posted } from '../client/outbox.ts';
import type { Identity } from './identity.ts';
import type { Input } from './input.ts';
import { mediaFile } from './media/media-file.ts';
import { outgoingPart } from './media/outgoing-media.ts';
import type { ShowProgress } from './media/progress.ts';

/** Of a server that does not say: it will. */
const UNKNOWN_LIMITS = create(SessionLimitsSchema, { maxMediaBytes: BigInt(Number.MAX_SAFE_INTEGER) });

/** What can be said. */
export type Sayable = Extract<Input, { kind: 'say' | 'show' }>;

/** Says things in the order in which they were typed, although a file takes its time. */
export class Speech {
  readonly #client: Chat;
  readonly #identity: Identity;
  readonly #show: ShowProgress;
  #breakOff = new AbortController();
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(client: Chat, identity: Identity, show: ShowProgress) {
    this.#client = client;
    this.#identity = identity;
    this.#show = show;
  }

  /**
   * Hands a message to the client once what was said before it is there.
   * @throws Trouble, MessageRefused or Refusal when its file cannot be sent, AbortError after `breakOff`
   */
  say(sayable: Sayable): Promise<Posted> {
    // Only what a file holds up waits: a text alone is handed over at once.
    if (sayable.kind === 'say' && this.#waiting === 0) return Promise.resolve(this.#client.post(sayable.text));
    this.#waiting += 1;
    const { signal } = this.#breakOff;
    const posted = this.#last.then(async () => this.#client.post(await this.#parts(sayable, signal)));
    const settled = (): void => {
      this.#waiting -= 1;
    };
    this.#last = posted.then(settled, settled);
    return posted;
  }

  /** Gives up what is not handed over yet. @returns how many messages that were */
  breakOff(): number {
    const count = this.#waiting;
    this.#breakOff.abort();
    this.#breakOff = new AbortController();
    return count;
  }

  async #parts(sayable: Sayable, signal: AbortSignal): Promise<OutgoingPart[]> {
    signal.throwIfAborted();
    if (sayable.kind === 'say') return [textPart(sayable.text)];
    const file = await mediaFile(sayable.media, sayable.file);
    await this.#client.connect();
    const { limits = UNKNOWN_LIMITS } = this.#client;
    const media = await outgoingPart(file, { identity: this.#identity, limits, show: this.#show, signal });
    return sayable.text === '' ? [media] : [media, textPart(sayable.text)];
  }
}

function textPart(value: string): OutgoingPart {
  return { value: { case: 'text', value } };
}
