import type { PrometheusMetrics } from '../adapters/prometheus/prometheus-metrics.ts';
import type { Config } from '../config/config.ts';
import type { Logger } from '../ports/telemetry.ts';
import type { Tracer } from '../ports/tracing.ts';

/** What the backends of either profile are opened with. */
export interface BackendsOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly metrics: PrometheusMetrics;
  /** This process, where it shares the backends with others. */
  readonly instanceId: string;
  /** undefined: nothing is traced. */
  readonly tracer: Tracer | undefined;
  /** Host and port that the HTTP port listens on; asked for each URL, as it is known only when it listens. */
  readonly httpAddress: () => string;
  /** Something that the promises rest on is gone. */
  readonly onFault: (error: unknown) => void;
}
