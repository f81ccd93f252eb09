import { describe, expect, test } from '@jest/globals';
import type { MediaKind } from '../../domain/conversation/events.ts';
import {
  type GeneratedMedia,
  type Provider,
  ProviderError,
  type ProviderRequest,
  type ReplyPiece,
  type RequestMedia,
  type UsedUnits,
} from '../provider.ts';

/** A provider to be held to its port. */
export interface ProviderSubject extends AsyncDisposable {
  /** Answers in at least two pieces, and with voice and picture where they are wanted. */
  readonly provider: Provider;
  /** The name it must have. */
  readonly model: string;
  /** The reply it must give. */
  expected(request: ProviderRequest): Promise<string>;
  /** Says one piece, then nothing more, for ever. */
  readonly stalling: Provider;
  /** Never says anything. */
  readonly silent: Provider;
  /** Says all of its text, then takes as long over voice and picture as it ever does. */
  readonly generating: Provider;
}

/** A request with plausible values for whatever does not matter. */
export function providerRequest(overrides: Partial<ProviderRequest> = {}): ProviderRequest {
  return {
    messageId: 'message-1',
    conversationId: 'conversation-1',
    clientId: 'client-1',
    media: [],
    replyKind: 'text',
    text: 'Could you tell me about the night trains, please?',
    timeZone: 'Europe/Paris',
    instructions: '',
    timeMs: Date.UTC(2026, 2, 4, 7, 5),
    attempt: 1,
    begun: '',
    history: [],
    ...overrides,
  };
}

/** Media of a message. */
export function requestMedia(kind: MediaKind, contentType: string, bytes: Uint8Array): RequestMedia {
  return { kind, contentType, sizeBytes: bytes.length, bytes: async () => bytes };
}

/** All of a reply. */
export async function wholeReply(provider: Provider, request: ProviderRequest): Promise<readonly ReplyPiece[]> {
  const pieces: ReplyPiece[] = [];
  for await (const piece of provider.reply(request, new AbortController().signal)) pieces.push(piece);
  return pieces;
}

/** The media of a reply. */
export function mediaIn(pieces: readonly ReplyPiece[]): readonly GeneratedMedia[] {
  return pieces.filter((piece) => typeof piece !== 'string').filter((piece) => piece.type === 'media');
}

/** The order of a reply in words: its text is one, however many pieces it has, and what it used may be said at any time. */
function orderOf(pieces: readonly ReplyPiece[]): readonly string[] {
  const parts = pieces.filter((piece) => typeof piece === 'string' || piece.type !== 'usage');
  const names = parts.map((piece) =>
    typeof piece === 'string' ? 'text' : piece.type === 'media' ? piece.kind : piece.type,
  );
  return names.filter((name, index) => name !== 'text' || names[index - 1] !== 'text');
}

/** What the reply used, by its last word on each. */
export function usedIn(pieces: readonly ReplyPiece[]): Partial<UsedUnits> {
  const told = pieces.filter((piece) => typeof piece !== 'string').filter((piece) => piece.type === 'usage');
  const { type: _, ...used } = Object.assign({ type: 'usage' }, ...told);
  return used;
}

const sound = requestMedia('voice', 'audio/mpeg', Buffer.from('a recording'));
const film = requestMedia('video', 'video/mp4', Buffer.from('a film'));

/** All text pieces of a reply. */
export async function piecesOfReply(
  provider: Provider,
  request: ProviderRequest,
  signal: AbortSignal = new AbortController().signal,
): Promise<readonly string[]> {
  const pieces: string[] = [];
  for await (const piece of provider.reply(request, signal)) {
    if (typeof piece === 'string') pieces.push(piece);
  }
  return pieces;
}

/** What `ports/provider.ts` promises, of one implementation. */
export function providerContract(name: string, make: () => Promise<ProviderSubject>): void {
  describe(`provider ${name}`, () => {
    test('its pieces are not empty and make up the reply', async () => {
      await using subject = await make();
      const pieces = await piecesOfReply(subject.provider, providerRequest());
      expect(pieces.length).toBeGreaterThan(1);
      expect(pieces).not.toContain('');
      expect(pieces.join('')).toBe(await subject.expected(providerRequest()));
    });

    test('a second attempt is answered like the first', async () => {
      await using subject = await make();
      await piecesOfReply(subject.provider, providerRequest());
      const again = await piecesOfReply(subject.provider, providerRequest({ attempt: 2 }));
      expect(again.join('')).toBe(await subject.expected(providerRequest()));
    });

    test('it has its model’s name', async () => {
      await using subject = await make();
      expect(subject.provider.model).toBe(subject.model);
    });

    test('it says what a reply used, the same each time, and estimates before how much goes in', async () => {
      await using subject = await make();
      const picture = requestMedia('image', 'image/png', Buffer.from('a picture'));
      const request = providerRequest({ replyKind: 'video', media: [sound, picture] });
      const used = usedIn(await wholeReply(subject.provider, request));
      expect(used.inputTokens).toBeGreaterThan(0);
      expect(used.outputTokens).toBeGreaterThan(0);
      expect(used).toMatchObject({ picturesOut: 1, soundInMs: expect.any(Number), soundOutMs: expect.any(Number) });
      for (const amount of Object.values(used)) expect(Number.isInteger(amount) && amount >= 0).toBe(true);
      expect(usedIn(await wholeReply(subject.provider, request))).toEqual(used);
      expect(subject.provider.estimatedInputTokens(request)).toBeGreaterThan(0);
      const longer = { ...request, text: request.text.repeat(10) };
      expect(subject.provider.estimatedInputTokens(longer)).toBeGreaterThan(
        subject.provider.estimatedInputTokens(request),
      );
    });

    test('no reply uses more than its bounds say, which say less for a short reply without the conversation', async () => {
      await using subject = await make();
      const picture = requestMedia('image', 'image/png', Buffer.from('a picture'));
      for (const request of [
        providerRequest(),
        providerRequest({ instructions: 'Be brief.', replyKind: 'voice', media: [sound] }),
        providerRequest({ replyKind: 'video', media: [film, picture] }),
      ]) {
        const { least, most } = subject.provider.bounds(request);
        const used = usedIn(await wholeReply(subject.provider, request));
        for (const [unit, amount] of Object.entries(most)) {
          expect(used[unit as keyof UsedUnits] ?? 0).toBeLessThanOrEqual(amount);
          expect(least[unit as keyof UsedUnits]).toBeLessThanOrEqual(amount);
        }
      }
    });

    test('a hundred calls at once do not mix', async () => {
      await using subject = await make();
      const requests = Array.from({ length: 100 }, (_, i) =>
        providerRequest({ messageId: `message-${i}`, text: `Is ${i} an even number?` }),
      );
      const replies = await Promise.all(
        requests.map(async (request) => (await piecesOfReply(subject.provider, request)).join('')),
      );
      expect(replies).toEqual(await Promise.all(requests.map((request) => subject.expected(request))));
      expect(new Set(replies).size).toBeGreaterThan(1);
    });

    test('a call aborted before it begins throws the reason and says nothing', async () => {
      await using subject = await make();
      const reason = new Error('not wanted any more');
      const pieces = subject.provider.reply(providerRequest(), AbortSignal.abort(reason))[Symbol.asyncIterator]();
      await expect(pieces.next()).rejects.toBe(reason);
      expect(await pieces.next()).toEqual({ done: true, value: undefined });
    });

    test('a call aborted before its first piece throws the reason', async () => {
      await using subject = await make();
      const abort = new AbortController();
      const reason = new Error('stopped');
      const pieces = subject.silent.reply(providerRequest(), abort.signal)[Symbol.asyncIterator]();
      const first = pieces.next();
      abort.abort(reason);
      await expect(first).rejects.toBe(reason);
      expect(await pieces.next()).toEqual({ done: true, value: undefined });
    });

    test('a call aborted while the next piece is awaited throws the reason, and nothing comes after', async () => {
      await using subject = await make();
      const abort = new AbortController();
      const reason = new Error('stopped');
      const pieces = subject.stalling.reply(providerRequest(), abort.signal)[Symbol.asyncIterator]();
      expect((await pieces.next()).value).toMatch(/./);
      const second = pieces.next();
      abort.abort(reason);
      await expect(second).rejects.toBe(reason);
      expect(await pieces.next()).toEqual({ done: true, value: undefined });
    });

    test('a call aborted between two pieces says no more, though more is there', async () => {
      await using subject = await make();
      const abort = new AbortController();
      const pieces = subject.provider.reply(providerRequest(), abort.signal)[Symbol.asyncIterator]();
      await pieces.next();
      abort.abort(new Error('stopped'));
      await expect(pieces.next()).rejects.toBe(abort.signal.reason);
    });

    test('a reader may leave off in the middle', async () => {
      await using subject = await make();
      const pieces = subject.stalling.reply(providerRequest(), new AbortController().signal)[Symbol.asyncIterator]();
      await pieces.next();
      expect(await pieces.return?.()).toEqual({ done: true, value: undefined });
    });

    test('a request for text gets no media, whatever was sent', async () => {
      await using subject = await make();
      const picture = requestMedia('image', 'image/png', Buffer.from('a picture'));
      for (const media of [[], [picture]])
        expect(orderOf(await wholeReply(subject.provider, providerRequest({ media })))).toEqual(['text']);
    });

    test.each([
      ['voice', sound, ['text', 'generating', 'voice']],
      ['video', film, ['text', 'generating', 'voice', 'generating', 'image']],
    ] as const)('%s gets its text first, then each of its media, announced', async (replyKind, sent, order) => {
      await using subject = await make();
      for (const text of ['', 'What do you make of this?']) {
        const pieces = await wholeReply(subject.provider, providerRequest({ replyKind, media: [sent], text }));
        // Whoever listens first may say so.
        expect(orderOf(pieces.slice(pieces.findIndex((piece) => typeof piece === 'string')))).toEqual(order);
        expect(pieces).not.toContain('');
        for (const { kind, contentType, bytes } of mediaIn(pieces)) {
          expect(contentType).toMatch(kind === 'voice' ? /^audio\/[a-z0-9]+$/ : /^image\/[a-z]+$/);
          expect(bytes.length).toBeGreaterThan(100);
        }
      }
    });

    test.each(['text', 'video'] as const)(
      'it gives what follows a reply of %s that was begun, media included, wherever that was cut',
      async (replyKind) => {
        await using subject = await make();
        const request = providerRequest({ replyKind, text: 'What of Zürich 🙂?' });
        const characters = Array.from(await subject.expected(request));
        expect(subject.provider.continues).toBe(true);
        for (const cut of replyKind === 'text' ? [...characters.keys(), characters.length] : [1, characters.length]) {
          const begun = characters.slice(0, cut).join('');
          const pieces = await wholeReply(subject.provider, { ...request, begun });
          const text = pieces.filter((piece) => typeof piece === 'string');
          expect(text).not.toContain('');
          expect(begun + text.join('')).toBe(characters.join(''));
          expect(mediaIn(pieces).map(({ kind }) => kind)).toEqual(replyKind === 'text' ? [] : ['voice', 'image']);
        }
      },
    );

    test('a call aborted while voice is made throws the reason at once, and nothing comes after', async () => {
      await using subject = await make();
      const abort = new AbortController();
      const reason = new Error('stopped');
      const request = providerRequest({ replyKind: 'voice' });
      const pieces = subject.generating.reply(request, abort.signal)[Symbol.asyncIterator]();
      const isGenerating = (piece: ReplyPiece) => typeof piece !== 'string' && piece.type === 'generating';
      for (let next = await pieces.next(); !isGenerating(next.value); ) next = await pieces.next();
      const voice = pieces.next();
      const abortedAtMs = performance.now();
      abort.abort(reason);
      await expect(voice).rejects.toBe(reason);
      expect(performance.now() - abortedAtMs).toBeLessThan(100);
      expect(await pieces.next()).toEqual({ done: true, value: undefined });
    });

    test('a time zone that does not exist is a fault that no other attempt mends', async () => {
      await using subject = await make();
      const reply = piecesOfReply(
        subject.provider,
        providerRequest({ timeZone: 'Mars/Olympus', text: 'What time is it?' }),
      );
      await expect(reply).rejects.toBeInstanceOf(ProviderError);
      await expect(reply).rejects.toMatchObject({ retryable: false });
    });
  });
}
