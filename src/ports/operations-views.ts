import type { OpenConnection } from '../domain/admission/state.ts';
import type { HistoryPage, HistoryPageRequest } from './history.ts';

/** What operators look at: the queries of projections/active-connections and projections/processing. All reads reject with ReadModelUnavailable. */
export interface OperationsViews {
  /** Oldest first. */
  listActive(page: HistoryPageRequest): Promise<HistoryPage<OpenConnection>>;
  connections(): Promise<{ readonly open: number; readonly waiting: number }>;
  processing(): Promise<{
    readonly processing: number;
    readonly queued: number;
    /** When the log took the oldest message that no worker has begun; null when there is none. */
    readonly oldestQueuedAtMs: number | null;
  }>;
}
