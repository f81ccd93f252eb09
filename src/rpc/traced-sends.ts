import type { Metadata } from '@grpc/grpc-js';
import type { OutgoingMessage } from '../app/gateway/accept-message.ts';
import { knownRefusal } from '../app/gateway/refusal.ts';
import type { Session } from '../app/gateway/session.ts';
import type { Accepted } from '../app/gateway/session-event.ts';
import type { TraceContext, Tracer } from '../ports/tracing.ts';

/** Gives a session a message of a call, as `Session.send`. */
export type Send = (session: Session, message: OutgoingMessage) => Promise<Accepted>;

const send: Send = (session, message) => session.send(message);

/** Wraps the messages of one call: each gets a span, from its arrival until it is in the log or refused. */
export function tracedSends(tracer: Tracer | undefined, method: 'Chat' | 'Send', metadata: Metadata): Send {
  if (tracer === undefined) return send;
  const parent = traceOf(metadata);
  return async (session, message) => {
    const span = tracer.start({ type: 'receive', method }, parent);
    if (span === undefined) return session.send(message);
    try {
      const accepted = await session.send({ ...message, trace: span.context });
      const { messageId, conversationId } = accepted;
      span.end({ messageId, conversationId });
      return accepted;
    } catch (error) {
      span.end({ error: knownRefusal(error)?.reason ?? 'INTERNAL' });
      throw error;
    }
  };
}

/** Where the caller says that its call belongs (W3C Trace Context); undefined: nowhere. Of a stream, to all the messages in it. */
function traceOf(metadata: Metadata): TraceContext | undefined {
  const [traceparent, ...others] = metadata.get('traceparent');
  if (traceparent === undefined || others.length > 0) return undefined;
  const tracestate = metadata.get('tracestate').join();
  return { traceparent: String(traceparent), tracestate };
}
