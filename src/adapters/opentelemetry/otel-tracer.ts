import {
  type Span as OtelSpan,
  type Tracer as OtelTracer,
  ROOT_CONTEXT,
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
import { SpanClock } from './span-clock.ts';
import { LocalContext, spanContextOf } from './span-context.ts';
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
