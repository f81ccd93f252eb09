/** A gateway's sign of life for one of its sessions. */
export interface ActiveSession {
  readonly sessionId: string;
  readonly conversationId: string;
}

/** The limits of admission, as GatewayStarted records them: a refold uses those that held, not today's. */
export interface AdmissionLimits {
  /** Sessions open at once. */
  readonly maxClients: number;
  /** Clients in line at once. */
  readonly maxWaitingClients: number;
  /** A gateway without a sign of life for this long of the fold's time is dead. */
  readonly gatewayLeaseMs: number;
  /** A session that has said nothing for this long after it opened ends. */
  readonly firstMessageDeadlineMs: number;
}

export interface ConnectionRequested {
  readonly type: 'ConnectionRequested';
  readonly sessionId: string;
  readonly clientId: string;
  readonly gatewayId: string;
  readonly timeZone: string;
  readonly conversationId: string;
  /** Hash of the token this session's client is given. */
  readonly tokenHash: string;
  /** Hash of the token presented, '' when there was none. */
  readonly resumeTokenHash: string;
  /** How long the client stands in line; 0: not at all. */
  readonly waitMs: number;
  /** No token was presented: `resumeTokenHash` is that of the session that the client, by its access token, asked to end. Decides nothing. */
  readonly takeOver?: boolean;
}

export interface ConnectionSpoke {
  readonly type: 'ConnectionSpoke';
  readonly sessionId: string;
}

export interface ConnectionClosed {
  readonly type: 'ConnectionClosed';
  readonly sessionId: string;
  readonly reason: string;
  readonly detail: string;
}

/** A process is about to start under this gateway id; one that runs under it answers with a beat. Decides nothing. */
export interface GatewayStarting {
  readonly type: 'GatewayStarting';
  readonly gatewayId: string;
  /** Which process: another one at each start. */
  readonly incarnation: string;
}

export interface GatewayStarted {
  readonly type: 'GatewayStarted';
  readonly gatewayId: string;
  /** Which process: another one at each start. Absent in records of releases before 0.3. */
  readonly incarnation?: string;
  readonly limits: AdmissionLimits;
  /** How its fold's clock follows record times: `ClockRule`; absent: 0. Recorded, so that a refold goes by what held. */
  readonly clockRule?: number | undefined;
}

export interface GatewayBeat {
  readonly type: 'GatewayBeat';
  readonly gatewayId: string;
  readonly active: readonly ActiveSession[];
}

export interface GatewayStopped {
  readonly type: 'GatewayStopped';
  readonly gatewayId: string;
}

/** The facts of the `connections` topic. */
export type AdmissionEvent =
  | ConnectionRequested
  | ConnectionSpoke
  | ConnectionClosed
  | GatewayStarting
  | GatewayStarted
  | GatewayBeat
  | GatewayStopped;
