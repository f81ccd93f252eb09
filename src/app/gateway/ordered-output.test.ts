import { describe, expect, test } from '@jest/globals';
import type { Part } from '../../domain/conversation/events.ts';
import { Refused } from '../../domain/errors/catalogue.ts';
import { maxReplyBytes, maxUnsentBytes } from '../../domain/limits.ts';
import type { HistoryMessage } from '../../ports/history.ts';
import { MediaUnavailable } from '../../ports/media-store.ts';
import { seededRandom, testSeeds } from '../../testing/random.ts';
import { type MediaLinks, mediaLinks, noLinks, type PresentedMessage } from '../media/media-links.ts';
import { OrderedOutput, type OrderedOutputDeps } from './ordered-output.ts';
import type { SessionEvent, SessionOutput } from './session-event.ts';

const text: Part = { kind: 'text', text: 'Hello' };
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

function voice(mediaId: string, sizeBytes = 10): Part {
  return { kind: 'voice', mediaId, contentType: 'audio/mpeg', sizeBytes, sha256: '' };
}

function message(messageId: string, parts: readonly Part[], role: 'user' | 'assistant' = 'assistant'): HistoryMessage {
  return {
    messageId,
    conversationId: 'c',
    clientId: 'ann',
    sequence: 1,
    role,
    parts,
    status: 'completed',
    replyToMessageId: '',
    replyMessageId: '',
    clientMessageId: '',
    createTimeMs: 0,
    completeTimeMs: 0,
    model: '',
    failureReason: '',
    failureDetail: '',
    attempt: 1,
  };
}

function told(messageId: string, parts: readonly Part[]): SessionEvent {
  return { type: 'message', message: message(messageId, parts), links: noLinks };
}

function ping(timeMs: number): SessionEvent {
  return { type: 'pong', timeMs };
}

/** What a client gets, by name. */
class Client implements SessionOutput {
  readonly got: string[] = [];
  readonly events: SessionEvent[] = [];

  emit(event: SessionEvent): void {
    this.events.push(event);
    this.got.push(event.type === 'message' ? event.message.messageId : `${event.type === 'pong' ? event.timeMs : ''}`);
  }

  writable = async () => {};
  end = (refused: Refused | undefined) => void this.got.push(`end ${refused?.reason ?? 'in order'}`);
}

/** Links that are made when the test says so. */
class SlowLinks implements MediaLinks {
  readonly #waiting: (() => void)[] = [];

  present(one: HistoryMessage): Promise<PresentedMessage> {
    return new Promise((resolve) => {
      this.#waiting.push(() => resolve({ message: one, links: new Map([['v', { url: 'u', expireTimeMs: 1 }]]) }));
    });
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  answer(): void {
    this.#waiting.shift()?.();
  }
}

/** Of a session that may send, unless the test says otherwise. */
function newOutput(links: MediaLinks, client: Client, over: Partial<OrderedOutputDeps> = {}): OrderedOutput {
  const deps = { output: client, links, inline: false, logger: quiet, maySend: () => true, onOverflow() {} };
  return new OrderedOutput({ ...deps, ...over });
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('what goes to a client', () => {
  test('goes at once as long as nothing has media', () => {
    const client = new Client();
    const links = new SlowLinks();
    const output = newOutput(links, client);
    output.emit(ping(1));
    output.emit(told('text', [text]));
    output.emit(ping(2));
    expect(client.got).toEqual(['1', 'text', '2']);
    expect(links.waiting).toBe(0);
  });

  test.each(testSeeds)(
    'stands behind a message whose URLs are being made, whatever the order in which they are (TEST_SEED=%i)',
    async (seed) => {
      const random = seededRandom(seed);
      const client = new Client();
      const links = new SlowLinks();
      const output = newOutput(links, client);
      const expected: string[] = [];
      for (let index = 0; index < 200; index += 1) {
        const kind = random();
        if (kind < 0.4) output.emit(ping(index));
        else output.emit(told(`${index}`, kind < 0.7 ? [text] : [text, voice('v')]));
        expected.push(`${index}`);
        if (random() < 0.5) links.answer();
        if (random() < 0.3) await settled();
      }
      while (client.got.length < expected.length) {
        links.answer();
        await settled();
      }
      expect(client.got).toEqual(expected);
      output.emit(ping(1_000));
      expect(client.got.at(-1)).toBe('1000');
      for (const event of client.events)
        if (event.type === 'message' && event.message.parts.length > 1) expect(event.links.get('v')?.url).toBe('u');
    },
  );

  test('is writable only when nothing waits', async () => {
    const client = new Client();
    const links = new SlowLinks();
    const output = newOutput(links, client);
    output.emit(told('a', [voice('v')]));
    let writable = false;
    const waiting = output.writable().then(() => {
      writable = true;
    });
    await settled();
    expect(writable).toBe(false);
    links.answer();
    await waiting;
    expect(client.got).toEqual(['a']);
  });

  test('is told before the end in order, and not before a refusal', async () => {
    for (const [refused, expected] of [
      [undefined, ['a', '1', 'end in order']],
      [new Refused('DRAINING'), ['end DRAINING']],
    ] as const) {
      const client = new Client();
      const links = new SlowLinks();
      const output = newOutput(links, client);
      output.emit(told('a', [voice('v')]));
      output.emit(ping(1));
      output.end(refused);
      links.answer();
      await settled();
      // What a transport is told after its end it drops.
      expect(client.got.slice(0, expected.length)).toEqual(expected);
    }
  });

  test('is told without URLs when there are none to be had', async () => {
    const client = new Client();
    const output = newOutput({ present: () => Promise.reject(new MediaUnavailable('away')) }, client);
    output.emit(told('a', [text, voice('v')]));
    output.emit(ping(1));
    await settled();
    expect(client.got).toEqual(['a', '1']);
    expect(client.events[0]).toMatchObject({ links: noLinks });
  });

  // It was counted in events, of which each could be a whole reply.
  test('is bounded by its bytes while the store hangs', () => {
    const overflows: string[] = [];
    const onOverflow = (waitsFor: string) => void overflows.push(waitsFor);
    const output = newOutput(new SlowLinks(), new Client(), { onOverflow });
    output.emit(told('a', [voice('v')]));
    for (let index = 0; index < 5_000; index += 1) output.emit(ping(index));
    expect(overflows).toEqual([]);
    output.emit({ type: 'delta', replyMessageId: 'r', attempt: 1, offsetBytes: 0, text: 'x'.repeat(maxReplyBytes) });
    expect(overflows).toEqual(['links']);
  });
});

describe('while the session may not send', () => {
  // Cause: what was kept while the log was away was counted in events, of which each could be a whole reply.
  test('what is held is bounded by its bytes, and counted anew once it was sent', () => {
    const overflows: string[] = [];
    const client = new Client();
    let maySend = false;
    const onOverflow = (waitsFor: string) => void overflows.push(waitsFor);
    const output = newOutput(new SlowLinks(), client, { maySend: () => maySend, onOverflow });
    const words = 'x'.repeat(100_000);
    const fill = () => {
      for (let bytes = 0; bytes + words.length + 1_000 < maxUnsentBytes; bytes += words.length)
        output.emit({ type: 'delta', replyMessageId: 'r', attempt: 1, offsetBytes: bytes, text: words });
    };
    fill();
    maySend = true;
    output.flush();
    maySend = false;
    fill();
    expect(overflows).toEqual([]);
    output.emit({ type: 'delta', replyMessageId: 'r', attempt: 1, offsetBytes: 0, text: words });
    expect(overflows).toEqual(['slot']);
    expect(client.events.length).toBe(10);
  });

  test('what is true whoever holds the slot passes what is held, and what is held keeps its order', () => {
    const client = new Client();
    let maySend = false;
    const output = newOutput(new SlowLinks(), client, { maySend: () => maySend });
    output.emit(told('a', [text]));
    output.emitNow(ping(1));
    expect([client.got, output.isEmpty]).toEqual([['1'], false]);
    maySend = true;
    output.emit(told('b', [text]));
    output.flush();
    expect([client.got, output.isEmpty]).toEqual([['1', 'a', 'b'], true]);
  });
});

describe('the links of a message', () => {
  let nowMs = 1_000;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, sleep: async () => {} };
  const read: string[] = [];
  const store = {
    downloadUrl: async ({ mediaId }: { mediaId: string }, expireTimeMs: number) => `${mediaId}?${expireTimeMs}`,
    async read(mediaId: string) {
      if (mediaId === 'gone') throw new MediaUnavailable('away');
      read.push(mediaId);
      return new Uint8Array(10);
    },
  };
  const links = mediaLinks({ store, clock, logger: quiet, urlLifetimeMs: 900_000 });

  test('are made anew at each read, in no time for a message without media', async () => {
    const plain = message('a', [text]);
    expect(links.present(plain, { inline: true })).toEqual({ message: plain, links: noLinks });
    const spoken = message('b', [text, voice('v'), voice('w')]);
    const first = await links.present(spoken, { inline: false });
    expect([...first.links]).toEqual([
      ['v', { url: 'v?901000', expireTimeMs: 901_000 }],
      ['w', { url: 'w?901000', expireTimeMs: 901_000 }],
    ]);
    nowMs += 1;
    expect((await links.present(spoken, { inline: false })).links.get('v')?.url).toBe('v?901001');
  });

  test('hold the bytes for who wants them: of replies, and only when all of them fit', async () => {
    const inline = { inline: true };
    const bytesOf = async (one: HistoryMessage, options: { inline: boolean }) =>
      [...(await links.present(one, options)).links.values()].map(({ bytes }) => bytes?.length);
    expect(await bytesOf(message('a', [voice('v'), voice('w')]), inline)).toEqual([10, 10]);
    expect(await bytesOf(message('a', [voice('v')]), { inline: false })).toEqual([undefined]);
    expect(await bytesOf(message('a', [voice('v')], 'user'), inline)).toEqual([undefined]);
    read.length = 0;
    expect(await bytesOf(message('a', [voice('v', 500_000), voice('w', 100_000)]), inline)).toEqual([
      undefined,
      undefined,
    ]);
    expect(read).toEqual([]);
    expect(await bytesOf(message('a', [voice('gone'), voice('w')]), inline)).toEqual([undefined, 10]);
  });
});
