import type { Part } from '../../domain/conversation/events.ts';
import { historyBytesOf } from '../../domain/conversation/history-bytes.ts';
import { Refused } from '../../domain/errors/catalogue.ts';
import type { History } from '../../ports/history.ts';
import { ReadModelUnavailable } from '../../ports/read-model.ts';
import type { Metrics } from '../../ports/telemetry.ts';

export interface HistoryQuotaDeps {
  readonly history: Pick<History, 'usageOf'>;
  readonly metrics: Pick<Metrics, 'writeRefused'>;
  /** undefined: no limit, and history is not asked. */
  readonly maxHistoryBytesPerClient: number | undefined;
}

/**
 * What a client may say in all. It is counted by history, so that it is the same at every gateway and after every restart, and falls when conversations are
 * deleted. What was said and history has not read yet is not in it: the unanswered messages of the client, at most.
 */
export class HistoryQuota {
  readonly #deps: HistoryQuotaDeps;

  constructor(deps: HistoryQuotaDeps) {
    this.#deps = deps;
  }

  /** Rejects with HISTORY_QUOTA_EXCEEDED when the client has no room for this message. While history is away, all is taken: its limit is one of space, not of the hour. */
  async check(clientId: string, parts: readonly Part[]): Promise<void> {
    const { metrics, maxHistoryBytesPerClient: maxBytes } = this.#deps;
    if (maxBytes === undefined) return;
    const bytes = await this.#usedBytes(clientId);
    if (bytes === undefined) return;
    if (bytes + historyBytesOf(parts) <= maxBytes) return;
    metrics.writeRefused('history');
    throw new Refused('HISTORY_QUOTA_EXCEEDED', `${bytes} of ${maxBytes} bytes are used`);
  }

  /** undefined while history is away. */
  async #usedBytes(clientId: string): Promise<number | undefined> {
    try {
      return (await this.#deps.history.usageOf(clientId)).bytes;
    } catch (error) {
      if (error instanceof ReadModelUnavailable) return undefined;
      throw error;
    }
  }
}
