import type { Clock } from '../../ports/clock.ts';
import {
  entryIdOf,
  type SecurityEvent,
  type SecurityEventKind,
  type SecurityLog,
  securityEntryMs,
} from '../../ports/security-log.ts';
import type { Logger, SecurityMetrics } from '../../ports/telemetry.ts';
import type { Caller } from '../caller.ts';

/**
 * Failure entries that one gateway writes in a minute: anybody can cause them, from any number of addresses. Beyond it they are counted in one anonymous
 * entry. So 90 days have at most 2.6 million entries per gateway.
 */
export const maxFailureEntriesPerMinute = 20;

/** What may be known of an event; what is left out is ''. */
export type Happening = Pick<SecurityEvent, 'kind'> & Partial<Omit<SecurityEvent, 'kind' | 'timeMs'>>;

export interface SecurityRecorderDeps {
  readonly log: Pick<SecurityLog, 'record'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly logger: Pick<Logger, 'error'>;
  readonly metrics: SecurityMetrics;
}

const failureKinds: ReadonlySet<SecurityEventKind> = new Set([
  'sign_in_failed',
  'password_change_failed',
  'attempts_refused',
]);

/** The gateway's pen for the security log. */
export class SecurityRecorder {
  readonly #deps: SecurityRecorderDeps;
  #minute = 0;
  /** Of failures, made in this minute. */
  readonly #entryIds = new Set<string>();

  constructor(deps: SecurityRecorderDeps) {
    this.#deps = deps;
  }

  /**
   * Resolves once the event is in the log. Never rejects: what happened has happened, and is not undone because it cannot be written down; then the
   * process's own log has it, and a metric counts it.
   */
  async record(happening: Happening): Promise<void> {
    const { log, clock, logger, metrics } = this.#deps;
    const { event, isNew } = this.#bounded(eventOf(happening, clock));
    metrics.securityEvent(event.kind);
    // What was refused has cost nothing yet, and is not to begin with it here.
    if (event.kind === 'attempts_refused' && !isNew) return;
    try {
      await log.record(event);
    } catch (error) {
      metrics.securityEventLost();
      logger.error({ err: error, event }, 'a security event could not be recorded');
    }
  }

  /** The event as it may be written; whether this minute has an entry for it already. */
  #bounded(event: SecurityEvent): { readonly event: SecurityEvent; readonly isNew: boolean } {
    if (!failureKinds.has(event.kind)) return { event, isNew: true };
    const minute = Math.floor(event.timeMs / securityEntryMs);
    if (minute !== this.#minute) this.#entryIds.clear();
    this.#minute = minute;
    const entryId = entryIdOf(event);
    const hasRoom = this.#entryIds.has(entryId) || this.#entryIds.size < maxFailureEntriesPerMinute;
    const bounded = hasRoom
      ? event
      : { ...event, clientId: '', userName: '', address: '', detail: 'of many accounts or addresses' };
    const boundedId = entryIdOf(bounded);
    const isNew = !this.#entryIds.has(boundedId);
    this.#entryIds.add(boundedId);
    return { event: bounded, isNew };
  }
}

/** Records what a command did on the machine of the store. Rejects with AccountStoreUnavailable. */
export function recordOfCommand(
  log: Pick<SecurityLog, 'record'>,
  clock: Pick<Clock, 'nowMs'>,
  happening: Happening,
): Promise<void> {
  return log.record(eventOf({ ...happening, operator: 'command line' }, clock));
}

function eventOf(happening: Happening, clock: Pick<Clock, 'nowMs'>): SecurityEvent {
  const unknown = { clientId: '', userName: '', operator: '', address: '', detail: '' };
  return { ...unknown, ...happening, timeMs: clock.nowMs() };
}

/** Who acts as an operator, from where: for the security log. */
export function operatorOf(caller: Caller): Pick<SecurityEvent, 'operator' | 'address'> {
  return { operator: caller.kind === 'client' ? caller.clientId : 'anybody', address: caller.address ?? '' };
}
