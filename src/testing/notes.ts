import type { Checkpoint, CollectionSpec, DocumentWrite } from '../ports/read-model.ts';

export interface Note {
  readonly owner?: string | null | undefined;
  readonly rank?: number | undefined;
  readonly text: string;
}

/** A collection for tests, of a model with several partitions. */
export const notes: CollectionSpec<Note> = {
  name: 'notes',
  model: 'notebook',
  version: 1,
  indexes: { byOwner: { equals: ['owner'], order: 'rank' }, byRank: { equals: [], order: 'rank' } },
  search: { equals: 'owner', order: 'rank', words: ({ text }) => text.split(' ').filter((word) => word !== '') },
};

export function noteWrite(id: string, offset: number, document: Note | null): DocumentWrite {
  return { collection: notes.name, id, offset, document };
}

/** Of the partition: everything before this offset. */
export function upTo(offset: number, partition = 0): Checkpoint {
  return { model: notes.model, topic: 'events', partition, offset, state: { folded: offset } };
}
