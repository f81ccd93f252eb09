import { nameOfPlace } from '../src/app/journal.ts';
import type { HistoryPlace } from '../src/ports/history.ts';
import type { DeadLetterItem, DeadLetterRecord, OperationsViews } from '../src/ports/operations-views.ts';
import type { ReadModelStore } from '../src/ports/read-model.ts';
import { deadLettersSpec } from './engine/dead-letters.ts';
import { type MessageDocument, messagesSpec } from './history/document.ts';
import { processingTotals } from './history/query.ts';

interface Placed {
  readonly item: DeadLetterItem;
  readonly place: HistoryPlace;
}

/** What operators look at, from the read models on this store. What was put aside, records and messages, is one list. */
export function operationsViews(store: ReadModelStore): OperationsViews {
  const records = store.collection(deadLettersSpec);
  const messages = store.collection(messagesSpec);
  return {
    processing: () => processingTotals(store),
    async listParked(topics, { after, limit }) {
      // One extra item of each kind, to know whether there is a next page.
      const range = { descending: true, limit: limit + 1, ...(after && { after }) };
      const ofTopics = topics.map((topic) => records.page({ index: 'byTime', equals: [topic], ...range }));
      const poisoned = await messages.page({ index: 'byPoison', equals: [], ...range });
      const found = [...(await Promise.all(ofTopics)).flat().map(placedRecord), ...poisoned.map(placedMessage)];
      const page = found.sort(newestFirst).slice(0, limit);
      const next = found.length > limit ? page.at(-1)?.place : undefined;
      return { items: page.map(({ item }) => item), next: next ?? null };
    },
    deadLetterRecord: (place) => records.get(nameOfPlace(place)),
  };
}

function placedRecord(record: DeadLetterRecord): Placed {
  return { item: { kind: 'undecodable', record }, place: { order: record.timeMs, id: nameOfPlace(record) } };
}

function placedMessage(message: MessageDocument): Placed {
  return {
    item: { kind: 'poison', message },
    place: { order: message.poisonedAtMs ?? message.createTimeMs, id: message.messageId },
  };
}

/** As the store orders a descending page; ids are ASCII. */
function newestFirst({ place: left }: Placed, { place: right }: Placed): number {
  return Number(right.order) - Number(left.order) || (left.id < right.id ? 1 : -1);
}
