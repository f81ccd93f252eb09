import { nameOfPlace } from '../src/app/journal.ts';
import type { ParkedRecord } from '../src/ports/operations-views.ts';
import type { CollectionSpec, ReadModelStore } from '../src/ports/read-model.ts';

/** A record that could not be decoded: put aside with its place, so that its neighbours go on and somebody can look at it. */
export type ParkedDocument = ParkedRecord;

/** A model that no fold makes alone: whichever meets the record writes it, and none begins it again. */
export const parkedSpec: CollectionSpec<ParkedDocument> = {
  name: 'parked',
  model: 'parked',
  version: 1,
  indexes: { byTime: { equals: ['topic'], order: 'timeMs' } },
};

/** The write that parks a record. */
export function parkedWrite(parked: ParkedDocument) {
  return { collection: parkedSpec.name, id: nameOfPlace(parked), document: parked, offset: parked.offset };
}

/** The write that notes what was appended in the record's stead. */
export function replayedWrite(parked: ParkedDocument, replay: { readonly offset: number; readonly timeMs: number }) {
  const { offset, timeMs } = replay;
  return { ...parkedWrite({ ...parked, replay: { offset, timeMs } }), offset };
}

/** The newest parked records of a topic. Rejects with ReadModelUnavailable. */
export function parkedOf(store: ReadModelStore, topic: string, limit: number): Promise<readonly ParkedDocument[]> {
  return store.collection(parkedSpec).page({ index: 'byTime', equals: [topic], descending: true, limit });
}
