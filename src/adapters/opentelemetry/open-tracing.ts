import type { Clock } from '../../ports/clock.ts';
import type { Logger } from '../../ports/telemetry.ts';
import type { Tracer } from '../../ports/tracing.ts';

export interface TracingSettings {
  /** Without `/v1/traces`. */
  readonly otlpEndpoint: string;
  /** 0 to 1. */
  readonly ratio: number;
}

export interface TracingOptions {
  /** What this process does. */
  readonly roles: readonly string[];
  readonly instanceId: string;
  /** The deployment's. */
  readonly prefix: string;
  readonly log: 'kafka' | 'sqlite';
  /** The kind of the provider. */
  readonly provider: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Tracing extends AsyncDisposable {
  /** undefined: nothing is traced. */
  readonly tracer: Tracer | undefined;
}

/** Tracing as configured; undefined settings: off. OpenTelemetry is loaded only when it is used: that takes 0.2 s and 20 MB. */
export async function openTracing(settings: TracingSettings | undefined, options: TracingOptions): Promise<Tracing> {
  if (settings === undefined) return { tracer: undefined, async [Symbol.asyncDispose]() {} };
  const { otelTracing } = await import('./otel-tracer.ts');
  const { roles, prefix } = options;
  const [role] = roles;
  return otelTracing({
    ...options,
    ...settings,
    serviceName: roles.length === 1 ? `parley-${role}` : 'parley',
    serviceNamespace: prefix,
  });
}
