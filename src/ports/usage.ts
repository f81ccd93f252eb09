import type { UsageSums } from '../domain/conversation/usage-sums.ts';

/** Which usage: of a span of the log's time, and of whom. */
export interface UsageSpan {
  /** The beginning of an hour (UTC), milliseconds since the epoch. */
  readonly fromMs: number;
  /** Not included. The beginning of an hour. */
  readonly toMs: number;
  /** undefined: of all clients. */
  readonly clientId: string | undefined;
  /** Whole days may come as one. */
  readonly byDay: boolean;
}

/** What the attempts of one client at one model used in an hour or a day, of one partition. */
export interface UsageEntry extends UsageSums {
  /** Of the hour or the day (UTC), milliseconds since the epoch. */
  readonly startMs: number;
  readonly clientId: string;
  readonly provider: string;
  readonly model: string;
}

/** What attempts at replies used, by the log's time at which it was told, as far as the projection has come. */
export interface Usage {
  /** In batches, by time within each; an hour and a client may come several times. Rejects with ReadModelUnavailable. */
  between(span: UsageSpan): AsyncIterable<readonly UsageEntry[]>;
}
