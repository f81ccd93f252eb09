import type { Metadata } from '@grpc/grpc-js';
import type { OutgoingMessage } from '../app/gateway/accept-message.ts';
import { knownRefusal } from '../app/gateway/refusal.ts';
import type { Session } from '../app/gateway/session.ts';
import type { Accepted } from '../app/gateway/session-event.ts';
import type { Span, TraceContext, Tracer } from '../ports/tracing.ts';

/** Where the caller says that its call belongs (W3C Trace Context); undefined: nowhere. Of a stream, to all the messages in it. */
function traceOf(metadata: Metadata): TraceContext | undefined {
  const [traceparent, ...others] = metadata.get('traceparent');
  if (traceparent === undefined || others.length > 0) return undefined;
  const tracestate = metadata.get('tracestate').join();
  return { traceparent: String(traceparent), tracestate };
}

/** One call that messages come by: each has a span of its own, from its arrival until the log has it or it is refused. */
export class TracedCall {
  readonly #tracer: Tracer | undefined;
  readonly #method: 'Chat' | 'Send';
  readonly #parent: TraceContext | undefined;

  constructor(tracer: Tracer | undefined, method: 'Chat' | 'Send', metadata: Metadata) {
    this.#tracer = tracer;
    this.#method = method;
    this.#parent = tracer && traceOf(metadata);
  }

  /** As the session's `send`. */
  send(session: Session, message: OutgoingMessage): Promise<Accepted> {
    const span = this.#tracer?.start({ type: 'receive', method: this.#method }, this.#parent);
    return span === undefined ? session.send(message) : inSpan(span, session, message);
  }
}

async function inSpan(span: Span, session: Session, message: OutgoingMessage): Promise<Accepted> {
  try {
    const accepted = await session.send(message, span.context);
    const { messageId, conversationId } = accepted;
    span.end({ messageId, conversationId });
    return accepted;
  } catch (error) {
    span.end({ error: knownRefusal(error)?.reason ?? 'INTERNAL' });
    throw error;
  }
}
