import type { CollectionSpec } from '../../src/ports/read-model.ts';

/** A message that waits for its answer. */
export interface PendingMessage {
  readonly messageId: string;
  readonly receivedAtMs: number;
  readonly processing: boolean;
}

/** What one partition has to do, oldest first: no longer than clients may have unanswered. */
export interface PartitionDocument {
  readonly partition: number;
  readonly pending: readonly PendingMessage[];
}

/** Belongs to the model whose messages tell which events count. */
export function processingSpec(model: string): CollectionSpec<PartitionDocument> {
  return { name: 'processing', model, version: 1, indexes: {} };
}
