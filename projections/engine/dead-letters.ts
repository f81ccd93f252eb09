import { nameOfPlace } from '../../src/app/journal.ts';
import type { DeadLetterRecord } from '../../src/ports/operations-views.ts';
import type { CollectionSpec, ReadModelStore } from '../../src/ports/read-model.ts';

/** A record that could not be decoded: stored with its place, so that processing continues and an operator can inspect it. */
export type DeadLetterDocument = DeadLetterRecord;

/** A model that no fold makes alone: whichever meets the record writes it, and none begins it again. */
export const deadLettersSpec: CollectionSpec<DeadLetterDocument> = {
  name: 'parked',
  model: 'parked',
  version: 1,
  indexes: { byTime: { equals: ['topic'], order: 'timeMs' } },
};

/** The write that parks a record. */
export function deadLetterWrite(parked: DeadLetterDocument) {
  return { collection: deadLettersSpec.name, id: nameOfPlace(parked), document: parked, offset: parked.offset };
}

/** The write that notes what was appended in the record's stead. */
export function replayedWrite(
  parked: DeadLetterDocument,
  replay: { readonly offset: number; readonly timeMs: number },
) {
  const { offset, timeMs } = replay;
  return { ...deadLetterWrite({ ...parked, replay: { offset, timeMs } }), offset };
}

/** The newest parked records of a topic. Rejects with ReadModelUnavailable. */
export function deadLettersOf(
  store: ReadModelStore,
  topic: string,
  limit: number,
): Promise<readonly DeadLetterDocument[]> {
  return store.collection(deadLettersSpec).page({ index: 'byTime', equals: [topic], descending: true, limit });
}
