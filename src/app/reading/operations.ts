import type { OpenConnection } from '../../domain/admission/state.ts';
import { Refused } from '../../domain/errors/catalogue.ts';
import type { Clock } from '../../ports/clock.ts';
import type { History, HistoryPlace, HistoryUsage } from '../../ports/history.ts';
import type { MediaStore, MediaUsage } from '../../ports/media-store.ts';
import type { OperationsViews } from '../../ports/operations-views.ts';
import { type Caller, requireOperator } from '../caller.ts';
import type { Admission } from '../gateway/admission.ts';
import { isChosenId } from '../gateway/hello.ts';
import type { ClientWrites } from '../rate-limits/client-writes.ts';
import { operatorOf, type SecurityRecorder } from '../security/security-recorder.ts';
import type { PageArguments, ReadPage } from './history-reads.ts';
import { effectivePageSize, pageToken, placeOfToken } from './page.ts';

/** The limits, and how much of each is used. */
export interface Usage {
  readonly activeClients: number;
  readonly maxClients: number;
  readonly waitingClients: number;
  readonly processing: number;
  readonly maxProcessing: number;
  readonly queued: number;
  readonly oldestQueuedMs: number;
}

/** What one client keeps, and may still write at this gateway. */
export interface ClientUsage {
  readonly history: HistoryUsage;
  readonly media: MediaUsage;
  readonly left: ReturnType<ClientWrites['left']>;
  /** undefined: any number. */
  readonly maxHistoryBytes: number | undefined;
  readonly maxMediaBytes: number | undefined;
}

export interface OperationsDeps {
  readonly views: OperationsViews;
  readonly history: Pick<History, 'usageOf'>;
  readonly media: Pick<MediaStore, 'usageOf'>;
  readonly writes: Pick<ClientWrites, 'left'>;
  readonly admission: Admission;
  readonly clock: Clock;
  readonly maxClients: number;
  readonly maxProcessing: number;
  /** Of one client; undefined: any number. */
  readonly maxHistoryBytesPerClient: number | undefined;
  readonly maxMediaBytesPerClient: number | undefined;
  readonly security: Pick<SecurityRecorder, 'record'>;
}

/** Longest reason that is told to a client who is disconnected. */
const maxReasonLength = 500;

/**
 * Inspects and controls the running system. Active sessions come from this gateway's own fold of all gateways' sessions: the read model is one document,
 * which takes as long to read for a count as for all of it.
 */
export class Operations {
  readonly #deps: OperationsDeps;

  constructor(deps: OperationsDeps) {
    this.#deps = deps;
  }

  /** Throws OPERATOR_REQUIRED. */
  async usageFor(caller: Caller): Promise<Usage> {
    requireOperator(caller);
    return this.usage();
  }

  /** What a client keeps. Throws OPERATOR_REQUIRED, CLIENT_ID_INVALID; rejects with ReadModelUnavailable or MediaUnavailable. */
  async clientUsageFor(caller: Caller, clientId: string): Promise<ClientUsage> {
    requireOperator(caller);
    if (!isChosenId(clientId)) throw new Refused('CLIENT_ID_INVALID');
    const { history, media, writes, maxHistoryBytesPerClient, maxMediaBytesPerClient } = this.#deps;
    const [said, stored] = await Promise.all([history.usageOf(clientId), media.usageOf(clientId)]);
    const limits = { maxHistoryBytes: maxHistoryBytesPerClient, maxMediaBytes: maxMediaBytesPerClient };
    return { history: said, media: stored, left: writes.left(clientId), ...limits };
  }

  /** For the process itself, whose metrics tell the same. */
  async usage(): Promise<Usage> {
    const { views, admission, clock, maxClients, maxProcessing } = this.#deps;
    const { processing, queued, oldestQueuedAtMs } = await views.processing();
    const { open, waiting } = admission.state;
    return {
      activeClients: open.size,
      maxClients,
      waitingClients: waiting.length,
      processing,
      maxProcessing,
      queued,
      oldestQueuedMs: oldestQueuedAtMs === null ? 0 : Math.max(0, clock.nowMs() - oldestQueuedAtMs),
    };
  }

  /** Oldest first. Throws OPERATOR_REQUIRED, PAGE_TOKEN_INVALID. */
  listActiveConnections(caller: Caller, page: PageArguments): ReadPage<OpenConnection> {
    requireOperator(caller);
    const list = 'connections';
    const after = placeOfToken(list, page.pageToken);
    const ordered = [...this.#deps.admission.state.open.values()]
      .map((connection) => ({ connection, place: placeOf(connection) }))
      .filter(({ place }) => after === undefined || compare(place, after) > 0)
      .sort((left, right) => compare(left.place, right.place));
    const shown = ordered.slice(0, effectivePageSize(page.pageSize));
    const next = ordered.length > shown.length ? (shown.at(-1)?.place ?? null) : null;
    return { items: shown.map(({ connection }) => connection), nextPageToken: pageToken(list, next) };
  }

  /**
   * Ends a client's session, open or in line, whichever gateway holds it. Throws OPERATOR_REQUIRED, CLIENT_ID_INVALID, NOT_FOUND; rejects
   * with LogUnavailable.
   */
  async disconnect(caller: Caller, clientId: string, reason: string): Promise<void> {
    requireOperator(caller);
    if (!isChosenId(clientId)) throw new Refused('CLIENT_ID_INVALID');
    const sessionId = this.#deps.admission.state.sessionOfClient.get(clientId);
    if (sessionId === undefined) throw new Refused('NOT_FOUND', 'this client has no session');
    await this.#deps.admission.disconnect(sessionId, reason.slice(0, maxReasonLength));
    await this.#deps.security.record({ kind: 'session_ended', clientId, ...operatorOf(caller) });
  }
}

function placeOf({ openedAtMs, sessionId }: OpenConnection): HistoryPlace {
  return { order: openedAtMs, id: sessionId };
}

function compare(left: HistoryPlace, right: HistoryPlace): number {
  if (left.order !== right.order) return left.order < right.order ? -1 : 1;
  return left.id < right.id ? -1 : left.id > right.id ? 1 : 0;
}
