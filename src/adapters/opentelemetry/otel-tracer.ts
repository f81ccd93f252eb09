import {
  createTraceState,
  isSpanContextValid,
  type Span as OtelSpan,
  type Tracer as OtelTracer,
  ROOT_CONTEXT,
  type SpanContext,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, ParentBasedSampler, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace-base';
import { ATTR_SERVICE_NAME } from '@opentelemetry/semantic-conventions';
import { ATTR_SERVICE_INSTANCE_ID, ATTR_SERVICE_NAMESPACE } from '@opentelemetry/semantic-conventions/incubating';
import type { Clock } from '../../ports/clock.ts';
import type { Logger } from '../../ports/telemetry.ts';
import type { Outcome, Span, Step, TraceContext, Tracer } from '../../ports/tracing.ts';
import { attributesOf, describe, type Surroundings } from './describe.ts';
import { closeTimeoutMs, exportTimeoutMs, maxAttributeChars } from './limits.ts';
import { SpanQueue } from './span-queue.ts';

export interface OtelTracingOptions extends Surroundings {
  /** `/v1/traces` is added. */
  readonly otlpEndpoint: string;
  /** Of the traces that begin here, 0 to 1. */
  readonly ratio: number;
  readonly serviceName: string;
  /** The deployment's prefix. */
  readonly serviceNamespace: string;
  readonly instanceId: string;
  /** Of one batch, repeats included; by default `limits.ts`. */
  readonly exportTimeoutMs?: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A tracer that sends by OTLP over HTTP, as JSON. Disposed: what waits is sent, if that takes no longer than a second. Nothing global is touched. */
export function otelTracing(options: OtelTracingOptions): { readonly tracer: Tracer } & AsyncDisposable {
  const { clock, logger, otlpEndpoint, ratio, exportTimeoutMs: timeoutMillis = exportTimeoutMs } = options;
  const exporter = new OTLPTraceExporter({ url: `${otlpEndpoint}/v1/traces`, timeoutMillis });
  const queue = new SpanQueue(exporter, clock, logger);
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({
      [ATTR_SERVICE_NAME]: options.serviceName,
      [ATTR_SERVICE_NAMESPACE]: options.serviceNamespace,
      [ATTR_SERVICE_INSTANCE_ID]: options.instanceId,
    }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
    spanLimits: { attributeValueLengthLimit: maxAttributeChars },
    spanProcessors: [queue],
  });
  return {
    tracer: new StepTracer(provider.getTracer('parley'), options, new SpanClock(clock)),
    async [Symbol.asyncDispose]() {
      // A batch that fails is told of by the queue.
      const closed = provider.shutdown().catch(() => undefined);
      const inTime = new AbortController();
      await Promise.race([closed, clock.sleep(closeTimeoutMs, inTime.signal).catch(() => undefined)]);
      inTime.abort();
    },
  };
}

class StepTracer implements Tracer {
  readonly #tracer: OtelTracer;
  readonly #surroundings: Surroundings;
  readonly #clock: SpanClock;

  constructor(tracer: OtelTracer, surroundings: Surroundings, clock: SpanClock) {
    this.#tracer = tracer;
    this.#surroundings = surroundings;
    this.#clock = clock;
  }

  start(step: Step, parent: TraceContext | undefined): Span | undefined {
    const spanContext = parent && spanContextOf(parent);
    if (spanContext === undefined && step.type !== 'receive') return undefined;
    if (spanContext !== undefined && (spanContext.traceFlags & TraceFlags.SAMPLED) === 0) return undefined;
    const { name, kind, attributes } = describe(step, this.#surroundings);
    const context = spanContext === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, spanContext);
    const span = this.#tracer.startSpan(name, { kind, attributes, startTime: this.#clock.nowMs() }, context);
    return span.isRecording() ? new StepSpan(span, this.#surroundings, this.#clock) : undefined;
  }
}

class StepSpan implements Span {
  readonly context: TraceContext;
  readonly #span: OtelSpan;
  readonly #surroundings: Surroundings;
  readonly #clock: SpanClock;

  constructor(span: OtelSpan, surroundings: Surroundings, clock: SpanClock) {
    this.#span = span;
    this.#clock = clock;
    this.#surroundings = surroundings;
    this.context = new LocalContext(span.spanContext());
  }

  end(outcome: Outcome = {}): void {
    this.#span.setAttributes(attributesOf(outcome, this.#surroundings));
    if (outcome.error !== undefined) this.#span.setStatus({ code: SpanStatusCode.ERROR });
    this.#span.end(this.#clock.nowMs());
  }
}

/** Further apart, the machine's clock was set, or runs differently: spans follow it. */
const maxDriftMs = 5;

/**
 * The time of spans, milliseconds since the epoch. The SDK's begins are whole milliseconds, and steps here take a fraction of one: this is as
 * fine as the monotonic clock, and runs with it between settings of the machine's clock.
 */
export class SpanClock {
  readonly #clock: Clock;
  #offsetMs = Number.NaN;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  nowMs(): number {
    const monotonicMs = this.#clock.monotonicMs();
    const wallMs = this.#clock.nowMs();
    const isNear = Math.abs(monotonicMs + this.#offsetMs - wallMs) <= maxDriftMs;
    if (!isNear) this.#offsetMs = wallMs - monotonicMs;
    return monotonicMs + this.#offsetMs;
  }
}

/**
 * W3C Trace Context, level 1, §3.2:
 *
 *   traceparent = version "-" trace-id "-" parent-id "-" flags [ "-" what a later version has ]
 */
const traceparentPattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Longer ones need not be passed on (§3.3.1.5), and a client may send anything. */
const maxTracestateChars = 512;

/** A span of this process; what goes into headers is written only when somebody asks. */
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
