/** The process's own time, for time-outs and for what clients are shown; what counts is decided by the log's time. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. */
  nowMs(): number;
  /** Never runs backwards; only differences mean anything. */
  monotonicMs(): number;
  /** Resolves after this long; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
