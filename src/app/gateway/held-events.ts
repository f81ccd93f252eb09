import { textOf } from '../../domain/conversation/events.ts';
import type { LiveEvent } from '../../ports/live-bus.ts';
import type { SessionEvent } from './session-event.ts';

/** Counted for an event besides its text: ids, times and framing. */
const eventOverheadBytes = 200;

/** What an event for the client costs while it waits, in bytes. */
export function bytesOfEvent(event: SessionEvent): number {
  if (event.type === 'delta') return eventOverheadBytes + event.text.length;
  if (event.type !== 'message') return eventOverheadBytes;
  let bytes = eventOverheadBytes + textOf(event.message.parts).length;
  for (const link of event.links.values()) bytes += eventOverheadBytes + link.url.length + (link.bytes?.length ?? 0);
  return bytes;
}

function bytesOfLive(event: LiveEvent): number {
  if (event.type === 'piece') return eventOverheadBytes + event.text.length;
  if (event.type === 'completed') return eventOverheadBytes * (1 + event.parts.length) + textOf(event.parts).length;
  return eventOverheadBytes;
}

/**
 * What the bus tells while it cannot be passed on yet, up to so many bytes. From the first event on that does not fit everything is as lost as
 * if the bus had lost it, so that what is held has no hole: drafts are asked for again, and ends are asked of history.
 */
export class HeldLiveEvents {
  readonly #maxBytes: number;
  #events: LiveEvent[] = [];
  #bytes = 0;
  #isFull = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get events(): readonly LiveEvent[] {
    return this.#events;
  }

  /** Whether `push` keeps it; after the first that it does not keep, it keeps none. */
  admits(event: LiveEvent): boolean {
    this.#isFull ||= this.#bytes + bytesOfLive(event) > this.#maxBytes;
    return !this.#isFull;
  }

  push(event: LiveEvent): void {
    if (!this.admits(event)) return;
    this.#events.push(event);
    this.#bytes += bytesOfLive(event);
  }
}
