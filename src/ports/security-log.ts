/**
 * Who did what to accounts, and what operators did: for whoever has to find out later what happened. Kept beside the accounts, not in the event log,
 * because it has addresses of people and must be gone after its time.
 *
 * Merging: events that agree in everything but their time, within the same minute of the clock, are one entry with a count, whichever servers record
 * them. So what a client can make the log grow by is bounded by minutes, not by calls.
 * Durability: what `record` has answered survives a crash.
 * Visibility: every later `list` shows it, also through other handles on the same store.
 * Retention: an entry is shown until `securityEventsKeptMs` after its first event, and removed by a later `record`.
 * Both reject with AccountStoreUnavailable while the store cannot be read or written.
 */
export interface SecurityLog extends AsyncDisposable {
  record(event: SecurityEvent): Promise<void>;

  /** Newest first event first; strictly after this place of the list, or from its beginning. */
  list(after: SecurityPlace | undefined, limit: number): Promise<readonly SecurityEntry[]>;
}

/** 90 days: long enough to look back from the day on which somebody notices. */
export const securityEventsKeptMs = 90 * 24 * 3_600_000;

/** Events of one kind, whom and where within this time are one entry. */
export const securityEntryMs = 60_000;

export const securityEventKinds = [
  'sign_up',
  'sign_in',
  'sign_in_failed',
  'password_changed',
  'password_change_failed',
  'signed_out',
  'signed_out_everywhere',
  'refresh_token_reused',
  'account_added',
  'account_removed',
  'password_set',
  'role_changed',
  'group_changed',
  'session_ended',
  'dead_letter_replayed',
  'attempts_refused',
  'prices_set',
  'budget_set',
] as const;

export type SecurityEventKind = (typeof securityEventKinds)[number];

/** Never a password or a token. */
export interface SecurityEvent {
  readonly kind: SecurityEventKind;
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
  /** Whom it concerns; '' when that is not known. */
  readonly clientId: string;
  /** The account's; '' when there is none, or it is not known. */
  readonly userName: string;
  /** Who did it, when that is not whom it concerns: the client id of an operator, or `command line`; else ''. */
  readonly operator: string;
  /** From where; '' when that is not known. */
  readonly address: string;
  /** More for a person to read; ''. */
  readonly detail: string;
}

/** `timeMs` is the time of its first event. */
export interface SecurityEntry extends SecurityEvent {
  /** Unique. */
  readonly entryId: string;
  readonly count: number;
  /** Of its last event. */
  readonly lastTimeMs: number;
}

/** Where an entry stands in the list. */
export interface SecurityPlace {
  readonly timeMs: number;
  readonly entryId: string;
}

/** Equal for events that are one entry. */
export function entryIdOf({ kind, timeMs, clientId, userName, operator, address, detail }: SecurityEvent): string {
  const minute = Math.floor(timeMs / securityEntryMs);
  return JSON.stringify([minute, kind, clientId, userName, operator, address, detail]);
}
