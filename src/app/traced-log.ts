import type { ParleyEvent } from '../ports/event-codec.ts';
import type { EventLog, NewRecord } from '../ports/event-log.ts';
import type { Step, TraceContext, Tracer } from '../ports/tracing.ts';
import { logWith } from './measured-log.ts';

/**
 * The log, with a span for each append of records with a trace context (`NewRecord.trace`): the records' headers carry that span. Other records are
 * appended unchanged.
 */
export function tracedLog(log: EventLog, tracer: Tracer | undefined): EventLog {
  if (tracer === undefined) return log;
  return logWith(log, {
    async append(records) {
      const last = records.at(-1);
      const span = last?.trace && tracer.start(appendOf(last), last.trace);
      if (span === undefined) return log.append(records);
      const headers = headersOf(span.context);
      try {
        const places = await log.append(
          records.map((record) => ({ ...record, headers: { ...record.headers, ...headers } })),
        );
        const offset = places.at(-1)?.offset;
        span.end(offset === undefined ? {} : { offset });
        return places;
      } catch (error) {
        span.end({ error: 'LOG_UNAVAILABLE' });
        throw error;
      }
    },
  });
}

/** The journal's records say their events. */
function appendOf({ topic, partition, key, says }: NewRecord): Step {
  const event = says as ParleyEvent;
  const messageId = 'messageId' in event ? event.messageId : '';
  return { type: 'append', topic, partition, key, event: event.type, messageId };
}

/** As W3C Trace Context names them; CloudEvents' distributed tracing extension does likewise. */
function headersOf({ traceparent, tracestate }: TraceContext): Record<string, string> {
  return tracestate === undefined || tracestate === '' ? { traceparent } : { traceparent, tracestate };
}
