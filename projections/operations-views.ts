import type { OperationsViews } from '../src/ports/operations-views.ts';
import type { ReadModelStore } from '../src/ports/read-model.ts';
import { activeConnections } from './active-connections/query.ts';
import { historyModel } from './history/document.ts';
import { parkedViews } from './parked-views.ts';
import { processing } from './processing/query.ts';

/** What operators look at, from the read models on this store. */
export function operationsViews(store: ReadModelStore): OperationsViews {
  const connections = activeConnections(store);
  const messages = processing(store, historyModel);
  return {
    listActive: (page) => connections.listActive(page),
    connections: () => connections.counts(),
    processing: () => messages.totals(),
    ...parkedViews(store),
  };
}
