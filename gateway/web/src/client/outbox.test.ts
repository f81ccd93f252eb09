import { describe, expect, test } from '@jest/globals';
import { MessageRefused } from '../../../../src/client/refusal.ts';
import { TransferFailed } from '../../../../src/client/transfer-failed.ts';
import { pageRefusal } from './calls.ts';
import { type ChosenFile, Conversation } from './conversation.ts';
import { JsonStorage } from './json-storage.ts';
import { MemoryStorage } from './memory-storage.ts';
import { Outbox, type OutboxDeps } from './outbox.ts';
import { until } from './testing/browser.ts';

const limits = { maxTextBytes: 100, maxInlineBytes: 10, maxFrameBytes: 65_536 + 100 + 15 };

type Parts = Parameters<OutboxDeps['send']>[1];

/** An outbox beside a chat that accepts nothing before the test says so. */
function open(store: Storage = new MemoryStorage(), tabId = 'this tab') {
  const stored: number[] = [];
  const failures: Error[] = [];
  const sent: { readonly id: string; readonly parts: Parts; readonly answer: PromiseWithResolvers<void> }[] = [];
  let isStoring = Promise.resolve();
  const outbox = new Outbox({
    storage: new JsonStorage(store, 'unsent.'),
    tabId,
    limits: async () => limits,
    async store({ sizeBytes }, onProgress) {
      onProgress(0.5);
      await isStoring;
      const why = failures.shift();
      if (why !== undefined) throw why;
      return `media of ${stored.push(sizeBytes)}`;
    },
    send: (_conversation, parts, { clientMessageId: id }) => {
      const answer = Promise.withResolvers<void>();
      sent.push({ id, parts, answer });
      return answer.promise;
    },
    renew: () => false,
  });
  const hold = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    isStoring = promise;
    return resolve;
  };
  /** Waits until so many were handed over. @returns what is in them */
  const texts = async (count: number) => {
    while (sent.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
    return sent.map(({ parts }) => parts.map(textOf).join());
  };
  return { outbox, store, stored, failures, sent, hold, texts };
}

function textOf({ value }: Parts[number]): string {
  if (value?.case !== 'media') return String(value?.value);
  const { inlineData, mediaId } = value.value;
  return inlineData === undefined ? String(mediaId) : `${inlineData.length} bytes`;
}

function file(sizeBytes: number): ChosenFile {
  const bytes = new Blob([new Uint8Array(sizeBytes)]);
  const described = { kind: 'image', name: 'n', fileName: 'n', contentType: 'image/png', sizeBytes } as const;
  return { key: 'k', ...described, previewUrl: 'blob:x', bytes };
}

function statuses({ transcript }: Conversation): string[] {
  return transcript.entries.value.map(({ message: { value } }) => value.status);
}

describe('what is on its way', () => {
  test('goes in order within a conversation, and waits for no file of another', async () => {
    const { outbox, hold, texts } = open();
    const [one, other] = [new Conversation('one'), new Conversation('other')];
    const letGo = hold();
    outbox.add(one, 'first', [file(500)]);
    outbox.add(one, 'second', []);
    outbox.add(other, 'third', []);
    expect(await texts(1)).toEqual(['third']);
    expect(statuses(one)).toEqual(['sending', 'sending']);
    letGo();
    expect(await texts(3)).toEqual(['third', 'first,media of 1', 'second']);
  });

  test('is kept until it is in the log, and also when the server will not have it', async () => {
    const { outbox, store, sent, texts } = open();
    const conversation = new Conversation('one');
    outbox.add(conversation, 'first', []);
    outbox.add(conversation, 'second', []);
    await texts(2);
    sent[0]?.answer.resolve();
    sent[1]?.answer.reject(new MessageRefused(sent[1].id, 'TEXT_TOO_LONG', ''));
    await until(() => statuses(conversation).includes('unsent'));
    expect([store.length, outbox.hasUnsent]).toEqual([1, false]);
    outbox.retry(sent[1]?.id ?? '');
    await texts(3);
    expect(sent[2]?.id).toBe(sent[1]?.id);
    sent[2]?.answer.reject(new MessageRefused('', 'POISON', ''));
    await until(() => statuses(conversation).includes('unsent'));
    outbox.discard(sent[1]?.id ?? '');
    expect([store.length, statuses(conversation)]).toEqual([0, ['sending']]);
  });

  test('carries small files in its frame, as many as fit, and has the others stored first', async () => {
    const { outbox, stored, texts } = open();
    outbox.add(new Conversation('one'), 'look', [file(10), file(11), file(5), file(1)]);
    expect(await texts(1)).toEqual(['look,10 bytes,media of 1,5 bytes,media of 2']);
    expect(stored).toEqual([11, 1]);
  });

  test('tells why a file was not taken, and sends it again when it is told to', async () => {
    const { outbox, failures, texts } = open();
    const conversation = new Conversation('one');
    failures.push(new TransferFailed(400, 'No.', 'MEDIA_MISMATCH'));
    outbox.add(conversation, '', [file(500)]);
    const unsent = await until(
      () => conversation.transcript.entries.value[0]?.message.value,
      (message) => message?.status === 'unsent',
    );
    expect(unsent?.refusal?.reason).toBe('MEDIA_MISMATCH');
    const [entry] = conversation.transcript.entries.peek();
    outbox.retry(entry?.key.replace('said:', '') ?? '');
    expect(await texts(1)).toEqual(['media of 1']);
  });

  test('goes once more as a new message, and names the files that the server has', async () => {
    const { outbox, stored, sent, texts } = open();
    const conversation = new Conversation('one');
    outbox.add(conversation, 'look', [file(5), file(500)]);
    await texts(1);
    sent[0]?.answer.resolve();
    const [first] = conversation.transcript.entries.peek();
    outbox.repeat(conversation, first?.message.peek().parts ?? []);
    expect(await texts(2)).toEqual(Array(2).fill('look,5 bytes,media of 1'));
    expect(sent[1]?.id).not.toBe(sent[0]?.id);
    expect(stored).toEqual([500]);
    expect(statuses(conversation)).toEqual(['sending', 'sending']);
  });

  test('is refused in a conversation that is not there', async () => {
    const { outbox, sent, texts } = open();
    const conversation = new Conversation('gone');
    outbox.add(conversation, 'first', []);
    await texts(1);
    sent[0]?.answer.reject(pageRefusal('NOT_FOUND'));
    conversation.isGone = true;
    outbox.add(conversation, 'second', []);
    await until(() => statuses(conversation).every((status) => status === 'unsent'));
    expect(sent).toHaveLength(1);
  });

  test('is taken up by a later page under the same id, unless its own page lives', async () => {
    const { outbox, store, texts, sent } = open(new MemoryStorage(), 'former tab');
    const conversation = new Conversation('one');
    outbox.add(conversation, 'words', []);
    outbox.add(conversation, 'and a file', [file(5)]);
    await texts(2);
    const later = open(store);
    const found = new Conversation('one');
    for (const isAlive of [true, false, false]) {
      later.outbox.restore(
        () => found,
        () => isAlive,
      );
      expect(statuses(found)).toEqual(isAlive ? [] : ['sending', 'unsent']);
    }
    expect(await later.texts(1)).toEqual(['words']);
    expect(later.sent[0]?.id).toBe(sent[0]?.id);
    later.sent[0]?.answer.resolve();
    while (store.length > 1) await new Promise((resolve) => setTimeout(resolve, 5));
  });
});
