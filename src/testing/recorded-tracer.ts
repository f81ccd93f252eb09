import type { Outcome, Span, Step, TraceContext, Tracer } from '../ports/tracing.ts';

/** A span that has ended. */
export interface RecordedSpan {
  readonly step: Step;
  /** Of the step that led to it. */
  readonly parent: string | undefined;
  readonly traceparent: string;
  readonly outcome: Outcome;
}

/** Traces everything that has a parent, and keeps what has ended. Contexts are counted, not random. */
export class RecordedTracer implements Tracer {
  readonly ended: RecordedSpan[] = [];
  /** Begun and not ended. */
  open = 0;
  #count = 0;

  start(step: Step, parent: TraceContext | undefined): Span | undefined {
    if (parent === undefined && step.type !== 'receive') return undefined;
    this.#count += 1;
    this.open += 1;
    const traceparent = `span-${this.#count}`;
    return {
      context: { traceparent },
      end: (outcome = {}) => {
        this.open -= 1;
        this.ended.push({ step, parent: parent?.traceparent, traceparent, outcome });
      },
    };
  }

  of<T extends Step['type']>(type: T): readonly (RecordedSpan & { readonly step: Extract<Step, { type: T }> })[] {
    return this.ended.filter((span) => span.step.type === type) as never;
  }
}
