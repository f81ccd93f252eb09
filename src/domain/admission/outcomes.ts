/** The session has a slot: from its request, from the line, or by take-over. */
export interface Opened {
  readonly type: 'opened';
  readonly sessionId: string;
  readonly clientId: string;
}

/** The session stands in line, at this place when it joined; 1 is next. */
export interface Queued {
  readonly type: 'queued';
  readonly sessionId: string;
  readonly place: number;
}

/** The request was not granted, or waited in vain. */
export interface RefusedRequest {
  readonly type: 'refused';
  readonly sessionId: string;
  readonly reason: 'ALREADY_CONNECTED' | 'TOO_MANY_CLIENTS';
}

/** An open session, or a place in line, ended. */
export interface Closed {
  readonly type: 'closed';
  readonly sessionId: string;
  readonly clientId: string;
  readonly reason: string;
  readonly detail: string;
}

/** What an event decided, about any session of any gateway. */
export type AdmissionOutcome = Opened | Queued | RefusedRequest | Closed;
