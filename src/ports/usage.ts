import type { UsagePeriod } from '../domain/conversation/usage-periods.ts';
import type { UsageSums } from '../domain/conversation/usage-sums.ts';

/** Which usage: of a span of the log's time, and of whom. */
export interface UsageSpan {
  /** The beginning of an hour (UTC), milliseconds since the epoch. */
  readonly fromMs: number;
  /** Not included. The beginning of an hour. */
  readonly toMs: number;
  /** The longest time that may come as one. */
  readonly longest: UsagePeriod;
  /** One client's; each client's, told apart; that of all together. */
  readonly of: { readonly clientId: string } | 'each client' | 'all clients';
}

/** What attempts at one model used in an hour, a day or a month, of one partition; what is absent is 0. */
export interface UsageEntry extends Partial<UsageSums> {
  /** Of the hour, day or month (UTC), milliseconds since the epoch. */
  readonly startMs: number;
  /** undefined: of all together. */
  readonly clientId?: string | undefined;
  /** The client's then; undefined: none, or of all together. */
  readonly group?: string | undefined;
  readonly provider: string;
  readonly model: string;
}

/** What attempts at replies used, by the log's time at which it was told, as far as the projection has come. */
export interface Usage {
  /** In batches, in no order; a time, a client, a group and a model may come several times. Rejects with ReadModelUnavailable. */
  between(span: UsageSpan): AsyncIterable<readonly UsageEntry[]>;
}
