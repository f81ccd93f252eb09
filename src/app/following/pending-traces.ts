import type { TraceContext } from '../../ports/tracing.ts';
import { maxPendingTraces } from './limits.ts';

/**
 * Trace contexts of the pending messages of a partition, beside the fold, which does not have them. Over the limit the oldest are dropped: their answers
 * are not traced.
 */
export class PendingTraces {
  readonly #traces = new Map<string, TraceContext>();

  get(messageId: string): TraceContext | undefined {
    return this.#traces.get(messageId);
  }

  add(messageId: string, trace: TraceContext): void {
    this.#traces.set(messageId, trace);
    if (this.#traces.size <= maxPendingTraces) return;
    for (const oldest of this.#traces.keys()) {
      this.#traces.delete(oldest);
      return;
    }
  }

  /** The message is pending no more. */
  remove(messageId: string): void {
    this.#traces.delete(messageId);
  }
}
