import type { AdmissionEvent } from '../domain/admission/events.ts';
import type { ConversationEvent } from '../domain/conversation/events.ts';
import type { SpendingEvent } from '../domain/spending/events.ts';
import type { LogRecord } from './event-log.ts';

export type ParleyEvent = AdmissionEvent | ConversationEvent | SpendingEvent;

/** What a record says. Neither an unknown nor an undecodable one stops a reader: its neighbours go on. */
export type Decoded<E extends ParleyEvent = ParleyEvent> =
  | { readonly kind: 'event'; readonly event: E }
  /** Written by a later release: skipped by folds. */
  | { readonly kind: 'unknown'; readonly type: string }
  /** Parked with its offset and reason. */
  | { readonly kind: 'undecodable'; readonly reason: string };

/** Events to bytes and back. Only encoding throws. */
export interface EventCodec {
  encode(event: ParleyEvent): { readonly headers: Readonly<Record<string, string>>; readonly value: Uint8Array };
  decode(record: Pick<LogRecord, 'headers' | 'value'>): Decoded;
  /**
   * The beginning of the value that decodes to the same fact without its words (what was said, a title); undefined when it has none, or
   * none that this release knows of. A view of the same bytes.
   */
  redact(record: Pick<LogRecord, 'headers' | 'value'>): Uint8Array | undefined;
}
