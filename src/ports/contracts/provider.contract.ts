import { describe, expect, test } from '@jest/globals';
import { type Provider, ProviderError, type ProviderRequest } from '../provider.ts';

/** A provider to be held to its port. */
export interface ProviderSubject extends AsyncDisposable {
  /** Answers in at least two pieces. */
  readonly provider: Provider;
  /** The name it must have. */
  readonly model: string;
  /** The reply it must give. */
  expected(request: ProviderRequest): Promise<string>;
  /** Says one piece, then nothing more, for ever. */
  readonly stalling: Provider;
  /** Never says anything. */
  readonly silent: Provider;
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
    timeMs: Date.UTC(2026, 2, 4, 7, 5),
    attempt: 1,
    history: [],
    ...overrides,
  };
}

/** All pieces of a reply. */
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
