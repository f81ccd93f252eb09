import type { SecurityEntry, SecurityLog } from '../../ports/security-log.ts';
import { type Caller, requireOperator } from '../caller.ts';
import type { PageArguments, ReadPage } from '../reading/history-reads.ts';
import { effectivePageSize, pageToken, placeOfToken } from '../reading/page.ts';

/** The security log, for operators. */
export class SecurityEvents {
  readonly #log: Pick<SecurityLog, 'list'>;

  constructor(log: Pick<SecurityLog, 'list'>) {
    this.#log = log;
  }

  /** Newest first. Throws OPERATOR_REQUIRED, PAGE_TOKEN_INVALID; rejects with AccountStoreUnavailable. */
  async list(caller: Caller, page: PageArguments): Promise<ReadPage<SecurityEntry>> {
    requireOperator(caller);
    const list = 'security';
    const after = placeOfToken(list, page.pageToken);
    const limit = effectivePageSize(page.pageSize);
    const entries = await this.#log.list(after && { timeMs: Number(after.order), entryId: after.id }, limit + 1);
    const items = entries.slice(0, limit);
    const last = entries.length > limit ? items.at(-1) : undefined;
    return { items, nextPageToken: pageToken(list, last ? { order: last.timeMs, id: last.entryId } : null) };
  }
}
