import { describe, expect, test } from '@jest/globals';
import { CallFailed } from './calls.ts';
import { type ChosenFile, Conversation } from './conversation.ts';
import { Kept } from './kept.ts';
import { MemoryStorage } from './memory-storage.ts';
import { Outbox } from './outbox.ts';
import { refusal } from './refusals.ts';
import { until } from './testing/browser.ts';

const limits = { maxTextBytes: 100, maxInlineBytes: 10, maxMediaBytes: 1_000, maxFrameBytes: 65_536 + 100 + 15 };

function open(store: Storage = new MemoryStorage(), tabId = 'this tab') {
  const stored: number[] = [];
  const failures: CallFailed[] = [];
  const outbox = new Outbox({
    kept: new Kept(store, 'unsent.'),
    tabId,
    limits: async () => limits,
    async store({ sizeBytes }, onProgress) {
      onProgress(0.5);
      const why = failures.shift();
      if (why !== undefined) throw why;
      return `media of ${stored.push(sizeBytes)}`;
    },
    onReady: () => undefined,
  });
  return { outbox, store, stored, failures };
}

function file(sizeBytes: number): ChosenFile {
  const bytes = new Blob([new Uint8Array(sizeBytes)]);
  return { key: 'k', kind: 'image', name: 'n', contentType: 'image/png', sizeBytes, previewUrl: 'blob:x', bytes };
}

function statuses({ transcript }: Conversation): string[] {
  return transcript.entries.value.map(({ message: { value } }) => value.status);
}

describe('what is on its way', () => {
  test('goes in order within a conversation, and waits for none of another', () => {
    const { outbox } = open();
    const [one, other] = [new Conversation('one'), new Conversation('other')];
    outbox.add(one, 'first', []);
    outbox.add(one, 'second', []);
    outbox.add(other, 'third', []);
    const first = outbox.next();
    expect(first?.text).toBe('first');
    if (first === undefined) return;
    outbox.postpone(first, 60_000);
    expect(outbox.next()?.text).toBe('third');
    outbox.refuse(first, refusal('TEXT_TOO_LONG'));
    expect(outbox.next()?.text).toBe('second');
    expect(statuses(one)).toEqual(['unsent', 'sending']);
    outbox.retry(first.clientMessageId);
    expect(statuses(one)).toEqual(['sending', 'sending']);
    outbox.discard(first.clientMessageId);
    expect(statuses(one)).toEqual(['sending']);
  });

  test('carries small files in its frame, as many as fit, and has the others stored first', async () => {
    const { outbox, stored } = open();
    const conversation = new Conversation('one');
    outbox.add(conversation, 'look', [file(10), file(11), file(5), file(1)]);
    expect(outbox.next()).toBeUndefined();
    const message = await until(() => conversation.transcript.entries.value[0]?.message.value && outbox.next());
    expect(stored).toEqual([11, 1]);
    const wire = message === undefined ? undefined : await outbox.toWire(message);
    expect(
      wire?.parts?.map(({ value }) =>
        value?.case === 'media' ? (value.value.inlineData?.length ?? value.value.mediaId) : value?.value,
      ),
    ).toEqual(['look', 10, 'media of 1', 5, 'media of 2']);
  });

  test('tells why a file was not taken, and sends it again when it is told to', async () => {
    const { outbox, failures } = open();
    const conversation = new Conversation('one');
    failures.push(new CallFailed(refusal('MEDIA_MISMATCH')));
    outbox.add(conversation, '', [file(500)]);
    const unsent = await until(
      () => conversation.transcript.entries.value[0]?.message.value,
      (message) => message?.status === 'unsent',
    );
    expect(unsent?.refusal?.reason).toBe('MEDIA_MISMATCH');
    const [entry] = conversation.transcript.entries.peek();
    outbox.retry(entry?.key.replace('said:', '') ?? '');
    await until(() => entry?.message.value && outbox.next());
  });

  test('is taken up by a later page under the same id, unless its own page lives', () => {
    const { outbox, store } = open(new MemoryStorage(), 'former tab');
    const conversation = new Conversation('one');
    outbox.add(conversation, 'words', []);
    outbox.add(conversation, 'and a file', [file(5)]);
    const sent = outbox.next();
    const later = open(store);
    const found = new Conversation('one');
    later.outbox.restore(
      () => found,
      () => true,
    );
    expect(statuses(found)).toEqual([]);
    later.outbox.restore(
      () => found,
      () => false,
    );
    later.outbox.restore(
      () => found,
      () => false,
    );
    expect(statuses(found)).toEqual(['sending', 'unsent']);
    expect(later.outbox.next()?.clientMessageId).toBe(sent?.clientMessageId);
    later.outbox.settle(sent?.clientMessageId ?? '');
    expect(store.length).toBe(1);
  });
});
