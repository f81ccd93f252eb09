import { describe, expect, test } from '@jest/globals';
import type { LiveBus, LiveEvent, LivePiece } from '../live-bus.ts';

/** A bus to be held to its port: handles of one deployment, as separate processes would have them where that is possible. */
export interface LiveBusSubject extends AsyncDisposable {
  readonly publisher: LiveBus;
  readonly watcher: LiveBus;
}

/** Long enough for any answer that comes at all. */
const answerMs = 500;

function piece(offsetBytes: number, messageId = 'message', text = 'x'): LivePiece {
  return { type: 'piece', messageId, replyMessageId: 'reply', attempt: 1, offsetBytes, text };
}

const delay: LiveEvent = {
  type: 'delay',
  messageId: 'message',
  replyMessageId: 'reply',
  attempt: 1,
  retryInMs: 12_000,
  reason: 'PROVIDER_BUSY',
};

/** Published over and over until somebody hears it. */
const knock = piece(0, 'knock');

/** What was heard, and a way to wait for more of it. */
class Ear {
  readonly pieces: LiveEvent[] = [];
  #changed = Promise.withResolvers<void>();

  readonly hear = (heard: LiveEvent): void => {
    this.pieces.push(heard);
    this.#changed.resolve();
  };

  heard(count: number): Promise<readonly LiveEvent[]> {
    return this.#until(() => this.pieces, count);
  }

  /** All of them, once there is one of this message: what was published before, until somebody heard, may come first. */
  async upTo(messageId: string): Promise<readonly LiveEvent[]> {
    await this.#until(() => this.of(messageId), 1);
    return this.pieces;
  }

  /** Waits for so many besides knocks. */
  unlikeKnocks(count: number): Promise<readonly LiveEvent[]> {
    return this.#until(() => this.pieces.filter(({ messageId }) => messageId !== knock.messageId), count);
  }

  of(messageId: string): readonly LiveEvent[] {
    return this.pieces.filter((one) => one.messageId === messageId);
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
  while (ear.pieces.length === 0) {
    publisher.publish(conversationId, knock);
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
    const pieces = await Promise.race([ear.heard(count), late]);
    if (pieces !== undefined) return pieces;
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
      for (const ear of ears) ear.pieces.length = 0;
      const texts = Array.from({ length: 500 }, (_, n) => piece(n));
      const pieces = [...texts, delay, piece(7, 'message', 'Grüße 😀\n"\u0000'), piece(0, 'last')];
      for (const one of pieces) subject.publisher.publish('c', one);
      for (const ear of ears) expect((await ear.upTo('last')).slice(-pieces.length)).toEqual(pieces);
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
        expect(await ears.get(conversationId)?.unlikeKnocks(1)).toEqual([piece(index, conversationId)]);
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
      const before = left.pieces.length;
      subject.publisher.publish('c', piece(0, 'last'));
      await stays.upTo('last');
      expect(left.pieces).toHaveLength(before);
    });

    test('publishing to nobody is no fault', async () => {
      await using subject = await make();
      expect(() => subject.publisher.publish('nobody', piece(0))).not.toThrow();
    });

    test('who asks for drafts gets those of every worker, each in order, and of that conversation only', async () => {
      await using subject = await make();
      const ofOne = (conversationId: string) => (conversationId === 'c' ? [piece(0), piece(1), delay] : []);
      const ofOther = (conversationId: string) => (conversationId === 'c' ? [piece(0, 'other')] : [piece(5)]);
      subject.publisher.serveDrafts(ofOne);
      subject.publisher.serveDrafts(ofOther);
      const pieces = await draftsOf(subject.watcher, 'c', 4);
      const of = (name: string) => pieces.filter(({ messageId }) => messageId === name);
      expect(of('message')).toEqual([piece(0), piece(1), delay]);
      expect(of('other')).toEqual([piece(0, 'other')]);
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
