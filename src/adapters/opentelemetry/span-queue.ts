import {
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import type { Clock } from '../../ports/clock.ts';
import type { Logger } from '../../ports/telemetry.ts';
import { batchDelayMs, exportTimeoutMs, maxBatchSpans, maxQueuedSpans, warnIntervalMs } from './limits.ts';

type ExportDone = Parameters<SpanExporter['export']>[1];

/** `ExportResultCode.SUCCESS`, of a package that the SDK keeps to itself. */
const exported = 0;

/**
 * Bounded queue of spans for the collector, sent in batches. Ending a span never waits. The SDK's own queue drops spans silently; this one counts and
 * logs the drops, at most once a minute.
 */
export class SpanQueue implements SpanProcessor {
  readonly #batches: BatchSpanProcessor;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #waiting = 0;
  #lost = 0;
  #isAway = false;
  #warnedAtMs = Number.NEGATIVE_INFINITY;

  constructor(exporter: SpanExporter, clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
    const watched: SpanExporter = {
      export: (spans, done) => this.#export(exporter, spans, done),
      shutdown: () => exporter.shutdown(),
    };
    this.#batches = new BatchSpanProcessor(watched, {
      maxQueueSize: maxQueuedSpans,
      maxExportBatchSize: maxBatchSpans,
      scheduledDelayMillis: batchDelayMs,
      exportTimeoutMillis: 2 * exportTimeoutMs,
    });
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (this.#waiting >= maxQueuedSpans) {
      this.#lost += 1;
      return;
    }
    this.#waiting += 1;
    this.#batches.onEnd(span);
  }

  forceFlush(): Promise<void> {
    return this.#batches.forceFlush();
  }

  shutdown(): Promise<void> {
    return this.#batches.shutdown();
  }

  #export(exporter: SpanExporter, spans: ReadableSpan[], done: ExportDone): void {
    this.#waiting -= spans.length;
    exporter.export(spans, (result) => {
      if (result.code === exported) this.#taken();
      else this.#failed(spans.length, result.error);
      done(result);
    });
  }

  #taken(): void {
    if (!this.#isAway) return;
    this.#isAway = false;
    this.#logger.info({ lost: this.#lost }, 'the trace collector can be reached again');
    this.#lost = 0;
  }

  #failed(spans: number, error: Error | undefined): void {
    this.#isAway = true;
    this.#lost += spans;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#warnedAtMs < warnIntervalMs) return;
    this.#warnedAtMs = nowMs;
    this.#logger.warn(
      { err: error, lost: this.#lost },
      'the trace collector cannot be reached; traces are lost meanwhile',
    );
  }
}
