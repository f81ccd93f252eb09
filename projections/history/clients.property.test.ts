import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { textOf } from '../../src/domain/conversation/events.ts';
import { wordsOf } from '../../src/domain/conversation/search-words.ts';
import type { HistoryPage, HistoryPlace } from '../../src/ports/history.ts';
import { assertProperty } from '../../src/testing/property.ts';
import {
  conversationDeleted,
  messageReceived,
  replyCompleted,
  text,
  workerClaimed,
} from '../testing/conversation-events.ts';
import { openHarness } from '../testing/harness.ts';
import { history } from './query.ts';

const runs = 150;
const partitions = 2;

// Client ids that are beginnings of others, or look like something else to a query; words that share letters, cases, accents and scripts.
const clients = ['ann', 'an', 'ANN', 'ann b', '%', '"ann"', '漢字', "o'neil"];
const vocabulary = [
  'Zürich',
  'zurich',
  'train',
  'trains',
  'TRAIN',
  'ı',
  'I',
  'ß',
  'ss',
  '東京',
  '東',
  'ﬁn',
  'fin',
  '½',
  '…',
  'a-b',
  'OR',
  '"x',
];

const talk = fc.record({ client: fc.constantFrom(...clients), deleted: fc.boolean() });
const words = fc.array(fc.constantFrom(...vocabulary), { maxLength: 5 }).map((chosen) => chosen.join(' '));
const message = fc.record({ talk: fc.nat({ max: 7 }), said: words, answer: fc.option(words) });

interface Said {
  readonly messageId: string;
  readonly clientId: string;
  readonly conversationId: string;
  readonly words: string;
}

/** Of this vocabulary. */
function isFound(word: string, said: string): boolean {
  if (word === said || (word.length > 2 && said.startsWith(word))) return true;
  return word === 'trains' && said === 'train';
}

/** Everything, over pages of this size. */
async function allPages<D>(
  limit: number,
  read: (page: { limit: number; after?: HistoryPlace }) => Promise<HistoryPage<D>>,
) {
  const items: D[] = [];
  for (let after: HistoryPlace | undefined; ; ) {
    const page = await read({ limit, ...(after && { after }) });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    items.push(...page.items);
    if (page.next === null) return items;
    after = page.next;
  }
}

test('every client has everything of its own, in order, and nothing of another', async () => {
  const property = fc.asyncProperty(
    fc.array(talk, { minLength: 1, maxLength: 8 }),
    fc.array(message, { maxLength: 25 }),
    fc.array(fc.array(fc.constantFrom(...vocabulary), { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 4 }),
    fc.integer({ min: 1, max: 4 }),
    async (talks, messages, searches, limit) => {
      await using harness = await openHarness(partitions);
      const all: Said[] = [];
      for (let partition = 0; partition < partitions; partition++)
        await harness.append(partition, workerClaimed('claim'));
      for (const [index, { talk: chosen, said, answer }] of messages.entries()) {
        const at = chosen % talks.length;
        const [conversationId, clientId, messageId] = [`talk-${at}`, talks[at]?.client ?? '', `m${index}`];
        await harness.append(
          at % partitions,
          messageReceived(messageId, { conversationId, clientId, parts: [text(said)] }),
        );
        all.push({ messageId, clientId, conversationId, words: said });
        if (answer === null) continue;
        await harness.append(
          at % partitions,
          replyCompleted(messageId, { claimId: 'claim', conversationId, parts: [text(answer)] }),
        );
        all.push({ messageId: `reply-to-${messageId}`, clientId, conversationId, words: answer });
      }
      const isDeleted = (conversationId: string) => talks[Number(conversationId.slice(5))]?.deleted === true;
      for (const [at, { deleted }] of talks.entries()) {
        if (deleted) await harness.append(at % partitions, conversationDeleted(`talk-${at}`));
      }
      await harness.project();
      const shown = all.filter(({ conversationId }) => !isDeleted(conversationId)).reverse();
      const queries = history(harness.store);
      for (const clientId of clients) {
        const own = shown.filter((each) => each.clientId === clientId);
        const conversations = await allPages(limit, (page) => queries.listConversations(clientId, page));
        expect(conversations.map(({ conversationId }) => conversationId)).toEqual([
          ...new Set(own.map(({ conversationId }) => conversationId)),
        ]);
        for (const { conversationId } of conversations) {
          const listed = await allPages(limit, (page) => queries.listMessages(conversationId, page, true));
          expect(listed.map(({ messageId, parts }) => [messageId, textOf(parts)])).toEqual(
            own.filter((each) => each.conversationId === conversationId).map((each) => [each.messageId, each.words]),
          );
        }
        for (const search of searches) {
          const wanted = wordsOf(search.join(' '));
          if (wanted.length === 0) continue;
          const found = await allPages(limit, (page) => queries.searchMessages(clientId, wanted, page));
          expect(found.map(({ messageId }) => messageId)).toEqual(
            own
              .filter((each) => wanted.every((word) => wordsOf(each.words).some((said) => isFound(word, said))))
              .map(({ messageId }) => messageId),
          );
        }
      }
    },
  );
  await assertProperty(property, { numRuns: runs });
});
