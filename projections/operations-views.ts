import type { OperationsViews } from '../src/ports/operations-views.ts';
import type { ReadModelStore } from '../src/ports/read-model.ts';
import { historyModel } from './history/document.ts';
import { parkedViews } from './parked-views.ts';
import { processing } from './processing/query.ts';

/** What operators look at, from the read models on this store. */
export function operationsViews(store: ReadModelStore): OperationsViews {
  const messages = processing(store, historyModel);
  return {
    processing: () => messages.totals(),
    ...parkedViews(store),
  };
}
