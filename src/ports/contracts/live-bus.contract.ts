import { describe, expect, test } from '@jest/globals';
import type { LiveBus, LiveEvent } from '../live-bus.ts';

/** A bus to be held to its port: handles of one deployment, as separate processes would have them where that is possible. */
export interface LiveBusSubject extends AsyncDisposable {
  readonly publisher: LiveBus;
  readonly watcher: LiveBus;
}

/** Long enough for any answer that comes at all. */
const answerMs = 500;

function piece(offsetBytes: number, messageId = 'message'): LiveEvent {
  return { type: 'piece', messageId, replyMessageId: 'reply', attempt: 1, offsetBytes, text: 'x' };
}

const started: LiveEvent = { type: 'started', messageId: 'message', replyMessageId: 'reply', attempt: 1 };
const completed: LiveEvent = {
  type: 'completed',
  messageId: 'message',
  replyMessageId: 'reply',
  attempt: 1,
  sequence: 7,
  timeMs: 1_700_000_000_123,
  parts: [{ kind: 'text', text: 'Grüße 😀' }],
  model: 'model',
  outcome: 'stopped',
};
const failed: LiveEvent = {
  type: 'failed',
  messageId: 'message',
  clientMessageId: 'chosen',
  reason: 'PROVIDER_FAILED',
  detail: 'The model failed.',
};

/** What was heard, and a way to wait for more of it. */
class Ear {
  readonly events: LiveEvent[] = [];
  #changed = Promise.withResolvers<void>();

  readonly hear = (event: LiveEvent): void => {
    this.events.push(event);
    this.#changed.resolve();
  };

  heard(count: number): Promise<readonly LiveEvent[]> {
    return this.#until(() => this.events, count);
  }

  /** All of them, once the last is of this type: what was published before, until somebody heard, may come first. */
  async upTo(type: LiveEvent['type']): Promise<readonly LiveEvent[]> {
    await this.#until(() => this.events.filter((event) => event.type === type), 1);
    return this.events;
  }

  pieces(count: number): Promise<readonly LiveEvent[]> {
    return this.#until(() => this.events.filter((event) => event.type === 'piece'), count);
  }

  async #until(read: () => readonly LiveEvent[], count: number): Promise<readonly LiveEvent[]> {
    while (read().length < count) {
      this.#changed = Promise.withResolvers();
      await this.#changed.promise;
    }
    return read();
  }
}

/** Waits until the watcher hears what is published: subscribing may take effect a moment later. */
async function untilHeard({ publisher, watcher }: LiveBusSubject, conversationId: string): Promise<void> {
  const ear = new Ear();
  const stop = watcher.subscribe(conversationId, ear.hear);
  while (ear.events.length === 0) {
    publisher.publish(conversationId, started);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  stop();
}

/** Asks until this much is answered: serving may take effect a moment later, and answers may take theirs. Each asking has an ear of its own. */
async function draftsOf(watcher: LiveBus, conversationId: string, count: number): Promise<readonly LiveEvent[]> {
  for (;;) {
    const ear = new Ear();
    watcher.requestDrafts(conversationId, ear.hear);
    const late = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), answerMs));
    const events = await Promise.race([ear.heard(count), late]);
    if (events !== undefined) return events;
  }
}

/** What `ports/live-bus.ts` promises while nothing is lost, of one implementation. */
export function liveBusContract(name: string, make: () => Promise<LiveBusSubject>): void {
  describe(`live bus ${name}`, () => {
    test('everybody who watches a conversation hears it, in order and unchanged', async () => {
      await using subject = await make();
      const ears = [new Ear(), new Ear()];
      for (const ear of ears) subject.watcher.subscribe('c', ear.hear);
      await untilHeard(subject, 'c');
      for (const ear of ears) ear.events.length = 0;
      const events = [started, ...Array.from({ length: 500 }, (_, n) => piece(n)), completed, failed];
      for (const event of events) subject.publisher.publish('c', event);
      for (const ear of ears) expect((await ear.upTo(failed.type)).slice(-events.length)).toEqual(events);
    });

    test('nobody hears another conversation, whatever its name', async () => {
      await using subject = await make();
      const names = ['c', 'c.d', 'c.*', 'c.>', '*', '>', 'C', 'c d'];
      const ears = new Map(names.map((conversationId) => [conversationId, new Ear()]));
      for (const [conversationId, ear] of ears) subject.watcher.subscribe(conversationId, ear.hear);
      for (const conversationId of names) await untilHeard(subject, conversationId);
      for (const [index, conversationId] of names.entries()) {
        subject.publisher.publish(conversationId, piece(index, conversationId));
      }
      for (const [index, conversationId] of names.entries()) {
        expect(await ears.get(conversationId)?.pieces(1)).toEqual([piece(index, conversationId)]);
      }
    });

    test('who has left hears nothing more, and leaving twice is leaving once', async () => {
      await using subject = await make();
      const [left, stays] = [new Ear(), new Ear()];
      const leave = subject.watcher.subscribe('c', left.hear);
      subject.watcher.subscribe('c', stays.hear);
      await untilHeard(subject, 'c');
      leave();
      leave();
      const before = [left.events.length, stays.events.length] as const;
      subject.publisher.publish('c', completed);
      await stays.heard(before[1] + 1);
      expect(left.events).toHaveLength(before[0]);
    });

    test('publishing to nobody is no fault', async () => {
      await using subject = await make();
      expect(() => subject.publisher.publish('nobody', started)).not.toThrow();
    });

    test('who asks for drafts gets those of every worker, each in order, and of that conversation only', async () => {
      await using subject = await make();
      const ofOne = (conversationId: string) => (conversationId === 'c' ? [started, piece(0), piece(1)] : []);
      const ofOther = (conversationId: string) => (conversationId === 'c' ? [piece(0, 'other')] : [piece(5)]);
      subject.publisher.serveDrafts(ofOne);
      subject.publisher.serveDrafts(ofOther);
      const events = await draftsOf(subject.watcher, 'c', 4);
      expect(events.filter((event) => 'messageId' in event && event.messageId === 'message')).toEqual([
        started,
        piece(0),
        piece(1),
      ]);
      expect(events.filter((event) => 'messageId' in event && event.messageId === 'other')).toEqual([
        piece(0, 'other'),
      ]);
    });

    test('a worker that has stopped serving is not asked', async () => {
      await using subject = await make();
      let asked = 0;
      const stop = subject.publisher.serveDrafts(() => {
        asked += 1;
        return [piece(9)];
      });
      subject.publisher.serveDrafts(() => [piece(0)]);
      stop();
      expect(await draftsOf(subject.watcher, 'c', 1)).toEqual([piece(0)]);
      expect(asked).toBe(0);
    });
  });
}
