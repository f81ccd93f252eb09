import type { SecurityEventKind } from './security-log.ts';

/** The process's own log: facts for operators, never contents, tokens or keys. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What is counted and measured; the names of the metrics are the adapter's. */
export interface Metrics {
  /** A call or message was refused. */
  refused(reason: string): void;
  /** From a message's arrival to the log's answer. */
  accepted(elapsedMs: number): void;
  /** From a message's acceptance to its complete reply. */
  replied(elapsedMs: number): void;
  /** History was read for what a session has missed: once for each batch of it. */
  historyRead(): void;
  /** A session ended. */
  sessionEnded(reason: string): void;
  /** A client was over what it may write; nothing was written. */
  writeRefused(kind: WriteKind): void;
}

/** What a gateway has counted since its start. */
export interface GatewayCounts {
  readonly acceptedMessages: number;
  /** Their reply is complete, or was given up. */
  readonly endedMessages: number;
  /** By reason; none is 0. */
  readonly refusals: ReadonlyMap<string, number>;
}

/** What a client makes a gateway write or store. */
export type WriteKind =
  | 'open'
  | 'new_conversation'
  | 'stop'
  | 'rename'
  | 'delete'
  | 'create_upload'
  | 'message'
  /** A message that a budget did not grant. */
  | 'budget'
  /** Media that the store has no room for. */
  | 'media'
  /** A message for which its client's conversations have no room. */
  | 'history';

/** Why a connection or a request was ended by a limit before a handler had it. */
export type CutReason =
  | 'connections'
  | 'address'
  | 'resets'
  | 'refused'
  | 'silent'
  | 'idle'
  | 'handshake'
  | 'protocol'
  | 'compressed'
  | 'body_time'
  | 'body_bytes'
  | 'unproven'
  | 'watches';

/** What is counted of connections. */
export interface ConnectionMetrics {
  cut(reason: CutReason): void;
}

/** What is measured of calls, method by method. */
export interface CallMetrics {
  /** Of the method `chat.v1.ChatService/Send` and the like. What it counts stands at 0 from now on. */
  method(name: string, kind: 'unary' | 'stream'): MethodMetrics;
}

/** What is measured of the calls of one method. */
export interface MethodMetrics {
  started(): void;
  /** `error`: the reason of the error catalogue or the name of the code it ended with; undefined: it succeeded. */
  ended(elapsedMs: number, error: string | undefined): void;
}

/** What is counted of the security log. */
export interface SecurityMetrics {
  /** Something happened that belongs there. */
  securityEvent(kind: SecurityEventKind): void;
  /** It could not be written there. */
  securityEventLost(): void;
}

/** What is measured of the log, in whatever role. */
export interface LogMetrics {
  /** An append was answered. */
  appended(elapsedMs: number): void;
  /** How far the time of an appended record lies after the answer to its append, by this process's clock; below 0: before it was sent; else 0. */
  logTimeAhead(ms: number): void;
  /** A record has an earlier time than one that this process appended to the partition before it. */
  logTimeSteppedBack(): void;
  /** The log ends before what a reader has read of it. */
  logTruncated(): void;
  /** An append was refused: the log is away, or its answer did not come. */
  logUnavailable(): void;
}
