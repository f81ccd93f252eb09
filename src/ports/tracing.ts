/**
 * Traces: what a message meets on its way, from the client's call through log, worker and model to the reply's delivery. One span per step of
 * a message, never one per stream or connection. Off, there is no tracer at all: callers write `tracer?.start(…)`, which then costs nothing.
 *
 * What spans say are ids, places and numbers, never what was said nor who said it.
 */
export interface Tracer {
  /**
   * A step begins. Its parent is the step that led to it; only `receive` begins a trace without one, so what was not traced where it came in is
   * traced nowhere. undefined: not traced. Never throws, and waits for nobody.
   */
  start(step: Step, parent: TraceContext | undefined): Span | undefined;
}

/** One step under way. */
export interface Span {
  /** For the steps that follow from it, wherever they are. */
  readonly context: TraceContext;
  /** The step is over. Once only. */
  end(outcome?: Outcome): void;
}

/** A place in a trace, as W3C Trace Context writes it in headers. What comes from outside need not be well formed: then there is none. */
export interface TraceContext {
  readonly traceparent: string;
  /** What tracing systems pass on beside it; '' or absent: nothing. */
  readonly tracestate?: string;
}

/** The steps of a message. The names of spans and attributes are the adapter's. */
export type Step =
  /** A client's message: from its arrival until the log has it. */
  | { readonly type: 'receive'; readonly method: 'Chat' | 'Send' }
  /** An append to the log. */
  | {
      readonly type: 'append';
      readonly topic: string;
      readonly partition: number;
      /** The record's key. */
      readonly key: string;
      /** The last of the events. */
      readonly event: string;
      readonly messageId: string;
    }
  /** A worker answers: from taking the message until it has read its end in the log. */
  | {
      readonly type: 'process';
      readonly topic: string;
      readonly partition: number;
      readonly offset: number;
      readonly group: string;
      readonly messageId: string;
      readonly conversationId: string;
    }
  /** One call to the model. */
  | {
      readonly type: 'ask';
      readonly model: string;
      readonly attempt: number;
      readonly conversationId: string;
      readonly output: 'text' | 'voice' | 'video';
    }
  /** A gateway tells the client the end of its message. */
  | { readonly type: 'deliver'; readonly messageId: string; readonly conversationId: string };

/** What is known of a step when it is over. */
export interface Outcome {
  /** Why it came to nothing: a reason of the catalogue, or the like; of few different values. */
  readonly error?: string;
  readonly messageId?: string;
  readonly conversationId?: string;
  /** Of the last record appended. */
  readonly offset?: number;
  /** From the call to the first piece of the reply. */
  readonly firstPieceMs?: number;
}
