import type { PendingMessage } from '../domain/conversation/pending-messages.ts';
import { replyKindOf } from '../domain/media/formats.ts';
import type { Outcome, Span, TraceContext } from '../ports/tracing.ts';
import type { Attempt, AttemptEnd } from './attempt.ts';
import { reasonOf } from './attempt-failure.ts';
import type { WorkerDeps } from './deps.ts';

/** The spans of one answer. A message that is not traced has none of this. */
export class AnswerTrace {
  readonly #deps: WorkerDeps;
  readonly #message: PendingMessage;
  readonly #span: Span;
  /** What ends without more has been left to another worker. */
  #outcome: Outcome = { error: 'ABANDONED' };

  private constructor(deps: WorkerDeps, message: PendingMessage, span: Span) {
    this.#deps = deps;
    this.#message = message;
    this.#span = span;
  }

  /** Begins with the worker's taking the message, which came in this trace. */
  static begin(
    deps: WorkerDeps,
    partition: number,
    message: PendingMessage,
    parent: TraceContext | undefined,
  ): AnswerTrace | undefined {
    if (parent === undefined) return undefined;
    const { journal, group, tracer } = deps;
    const topic = journal.topics.conversations;
    const { messageId, conversationId, sequence: offset } = message;
    const step = { type: 'process', topic, partition, offset, group, messageId, conversationId } as const;
    const span = tracer?.start(step, parent);
    return span && new AnswerTrace(deps, message, span);
  }

  /** For the events that the answer writes. */
  get context(): TraceContext {
    return this.#span.context;
  }

  /** A call to the model begins. Returns what ends it. */
  ask(attempt: Attempt): (end: AttemptEnd) => void {
    const { provider, tracer } = this.#deps;
    const { conversationId, parts } = this.#message;
    const { model } = provider;
    const output = replyKindOf(parts);
    const span = tracer?.start({ type: 'ask', model, attempt: attempt.number, conversationId, output }, this.context);
    return (end) => {
      const { firstPieceMs } = attempt;
      const error = errorOf(end);
      span?.end({ ...(firstPieceMs === undefined ? {} : { firstPieceMs }), ...(error === undefined ? {} : { error }) });
    };
  }

  /** What the answer comes to; undefined: a reply. */
  concludes(error: string | undefined): void {
    this.#outcome = error === undefined ? {} : { error };
  }

  end(): void {
    this.#span.end(this.#outcome);
  }
}

function errorOf(end: AttemptEnd): string | undefined {
  switch (end.type) {
    case 'whole':
    case 'stopped':
      return undefined;
    case 'abandoned':
      return 'ABANDONED';
    case 'timed-out':
    case 'failed':
      return reasonOf(end);
    default:
      return end satisfies never;
  }
}
