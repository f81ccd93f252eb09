import { createTraceState, isSpanContextValid, type SpanContext, TraceFlags } from '@opentelemetry/api';
import type { TraceContext } from '../../ports/tracing.ts';

/**
 * W3C Trace Context, level 1, §3.2:
 *
 *   traceparent = version "-" trace-id "-" parent-id "-" flags [ "-" what a later version has ]
 */
const traceparentPattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Longer ones need not be passed on (§3.3.1.5), and a client may send anything. */
const maxTracestateChars = 512;

/** A span of this process; its headers are serialized on demand. */
export class LocalContext implements TraceContext {
  readonly spanContext: SpanContext;

  constructor(spanContext: SpanContext) {
    this.spanContext = spanContext;
  }

  get traceparent(): string {
    const { traceId, spanId, traceFlags } = this.spanContext;
    return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
  }

  get tracestate(): string {
    return this.spanContext.traceState?.serialize() ?? '';
  }
}

/** The context as the SDK has it; undefined when it is not well formed. */
export function spanContextOf(context: TraceContext): SpanContext | undefined {
  return context instanceof LocalContext ? context.spanContext : parse(context);
}

function parse({ traceparent, tracestate = '' }: TraceContext): SpanContext | undefined {
  const [, version, traceId = '', spanId = '', flags = '', rest] = traceparentPattern.exec(traceparent) ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  // Of the flags this version knows one.
  const traceFlags = Number.parseInt(flags, 16) & TraceFlags.SAMPLED;
  const spanContext = { traceId, spanId, traceFlags, isRemote: true };
  if (!isSpanContextValid(spanContext)) return undefined;
  const isKept = tracestate !== '' && tracestate.length <= maxTracestateChars;
  return isKept ? { ...spanContext, traceState: createTraceState(tracestate) } : spanContext;
}
