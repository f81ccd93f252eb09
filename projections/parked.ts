import type { CollectionSpec, ReadModelStore } from '../src/ports/read-model.ts';

/** A record that could not be decoded: put aside with its place, so that its neighbours go on and somebody can look at it. */
export interface ParkedDocument {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timeMs: number;
  readonly reason: string;
}

export const parkedSpec: CollectionSpec<ParkedDocument> = {
  name: 'parked',
  model: 'parked',
  version: 1,
  indexes: { byTime: { equals: ['topic'], order: 'timeMs' } },
};

/** The write that parks a record. */
export function parkedWrite(parked: ParkedDocument) {
  const { topic, partition, offset } = parked;
  return { collection: parkedSpec.name, id: `${topic}/${partition}/${offset}`, document: parked, offset };
}

/** The newest parked records of a topic. Rejects with ReadModelUnavailable. */
export function parkedOf(store: ReadModelStore, topic: string, limit: number): Promise<readonly ParkedDocument[]> {
  return store.collection(parkedSpec).page({ index: 'byTime', equals: [topic], descending: true, limit });
}
