import { timeZoneAllowed } from '../../domain/admission/time-zones.ts';
import { Refused } from '../../domain/errors/catalogue.ts';
import { maxIdLength } from '../../domain/limits.ts';

/** Who connects, from where, and what it has seen. */
export interface Hello {
  readonly clientId: string;
  readonly timeZone: string;
  /** '': a new conversation. */
  readonly conversationId: string;
  /** '': none. */
  readonly resumeToken: string;
  readonly afterSequence: number;
  /** How long to wait in line; 0: not at all. */
  readonly waitMs: number;
  /** The bytes of replies' media are sent in the stream, where they fit. */
  readonly inlineMedia: boolean;
  /** Whatever session the client has elsewhere is to end. Only of a caller who proved who they are. */
  readonly takeOver: boolean;
}

/** What decides whether a hello is well formed. */
export interface HelloRules {
  readonly allowedTimeZones: readonly string[];
  readonly isTimeZone: (name: string) => boolean;
}

/** Ids chosen by clients: printable, bounded. */
const chosenId = /^[^\p{Cc}\p{Cs}]+$/u;
/** Ids made by the server. */
const conversationIdForm = /^[0-9A-Za-z_-]+$/;

/** True for 1 to 128 characters without control characters. */
export function isChosenId(id: string): boolean {
  return id.length <= maxIdLength && chosenId.test(id);
}

/** Throws CONVERSATION_ID_INVALID. */
export function checkConversationId(conversationId: string): void {
  if (conversationId.length <= maxIdLength && conversationIdForm.test(conversationId)) return;
  throw new Refused('CONVERSATION_ID_INVALID', undefined, {
    violations: [{ field: 'conversation_id', description: `1 to ${maxIdLength} of letters, digits, '_' and '-'` }],
  });
}

/** Throws FRAME_INVALID for a negative sequence. */
export function checkAfterSequence(afterSequence: number): void {
  if (Number.isSafeInteger(afterSequence) && afterSequence >= 0) return;
  throw new Refused('FRAME_INVALID', 'after_sequence must not be negative', {
    violations: [{ field: 'after_sequence', description: 'a sequence of this conversation, or 0' }],
  });
}

/** Throws what is wrong with the hello, the first by the order of its fields. */
export function checkHello(hello: Hello, rules: HelloRules): void {
  if (!isChosenId(hello.clientId)) {
    throw new Refused('CLIENT_ID_INVALID', undefined, {
      violations: [{ field: 'client_id', description: `1 to ${maxIdLength} printable characters` }],
    });
  }
  if (!timeZoneAllowed(hello.timeZone, rules.allowedTimeZones, rules.isTimeZone)) {
    throw new Refused('TIME_ZONE_REFUSED', undefined, {
      metadata: { allowed: rules.allowedTimeZones.join(',') },
      violations: [{ field: 'time_zone', description: 'a valid IANA zone that this server serves' }],
    });
  }
  if (hello.conversationId !== '') checkConversationId(hello.conversationId);
  if (hello.resumeToken.length > maxIdLength) {
    throw new Refused('FRAME_INVALID', 'resume_token is not one of this server', {
      violations: [{ field: 'resume_token', description: 'as Welcome gave it' }],
    });
  }
  checkAfterSequence(hello.afterSequence);
  if (!Number.isFinite(hello.waitMs) || hello.waitMs < 0) {
    throw new Refused('FRAME_INVALID', 'wait_for_slot must not be negative', {
      violations: [{ field: 'wait_for_slot', description: 'a duration of 0 or more' }],
    });
  }
}
