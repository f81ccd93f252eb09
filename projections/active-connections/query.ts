import { type AdmissionState, type OpenConnection, restoreAdmission } from '../../src/domain/admission/state.ts';
import type { HistoryPage, HistoryPageRequest } from '../../src/ports/history.ts';
import type { Place, ReadModelStore } from '../../src/ports/read-model.ts';
import { type AdmissionDocument, admissionDocumentId, admissionSpec } from './document.ts';

export interface ConnectionCounts {
  readonly open: number;
  readonly waiting: number;
  readonly maxClients: number;
  readonly maxWaitingClients: number;
}

/** Who is connected. All reads reject with ReadModelUnavailable. */
export interface ActiveConnections {
  /** Oldest first. */
  listActive(page: HistoryPageRequest): Promise<HistoryPage<OpenConnection>>;
  counts(): Promise<ConnectionCounts>;
  /** What a starting gateway folds on from, and the offset of the next record to fold; null when nothing is known yet. */
  snapshot(): Promise<{ readonly state: AdmissionState; readonly nextOffset: number } | null>;
}

/** The queries of the active-connections read model on this store. */
export function activeConnections(store: ReadModelStore): ActiveConnections {
  const documents = store.collection(admissionSpec);
  const read = () => documents.get(admissionDocumentId);
  return {
    async listActive({ after, limit }) {
      const open = (await read())?.snapshot.open ?? [];
      return pageOf(open, after, limit);
    },
    async counts() {
      return countsOf(await read());
    },
    async snapshot() {
      const document = await read();
      return document && { state: restoreAdmission(document.snapshot), nextOffset: document.nextOffset };
    },
  };
}

function pageOf(open: readonly OpenConnection[], after: Place | undefined, limit: number): HistoryPage<OpenConnection> {
  const ordered = open
    .map((connection) => ({ connection, place: { order: connection.openedAtMs, id: connection.sessionId } }))
    .sort((left, right) => compare(left.place, right.place))
    .filter(({ place }) => after === undefined || compare(place, after) > 0);
  const page = ordered.slice(0, limit);
  return {
    items: page.map(({ connection }) => connection),
    next: ordered.length > limit ? (page.at(-1)?.place ?? null) : null,
  };
}

function compare(left: Place, right: Place): number {
  if (left.order !== right.order) return left.order < right.order ? -1 : 1;
  return left.id < right.id ? -1 : left.id > right.id ? 1 : 0;
}

function countsOf(document: AdmissionDocument | null): ConnectionCounts {
  if (document === null) return { open: 0, waiting: 0, maxClients: 0, maxWaitingClients: 0 };
  const { open, waiting, limits } = document.snapshot;
  return {
    open: open.length,
    waiting: waiting.length,
    maxClients: limits.maxClients,
    maxWaitingClients: limits.maxWaitingClients,
  };
}
