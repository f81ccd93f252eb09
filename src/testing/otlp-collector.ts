import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { eventually } from './test-sessions.ts';

/** A span as a collector is told of it. */
export interface CollectedSpan {
  readonly name: string;
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  readonly traceId: string;
  readonly spanId: string;
  /** '' of a root. */
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly isError: boolean;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Of the process that it comes from. */
  readonly resource: Readonly<Record<string, unknown>>;
}

/** `opentelemetry.proto.trace.v1.Span.SpanKind`, from 1 on. */
const kinds = ['internal', 'server', 'client', 'producer', 'consumer'] as const;
const errorStatus = 2;
const nanosecondsPerMs = 1e6;

// biome-ignore lint/suspicious/noExplicitAny: OTLP's JSON, of which only what is used here is looked at
type Json = any;

/** An OpenTelemetry collector: takes OTLP over HTTP in JSON, and keeps what it is told. */
export class OtlpCollector implements AsyncDisposable {
  readonly spans: CollectedSpan[] = [];
  /** Every request's text, as it came. */
  readonly bodies: string[] = [];
  /** Takes requests and answers none. */
  isHanging = false;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#take(request).then(
        () => {
          if (!this.isHanging) response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
        },
        (error: unknown) => response.writeHead(400).end(String(error)),
      );
    });
  }

  /** Listens on this port of the loopback address; 0: any free one. */
  static async start(port = 0): Promise<OtlpCollector> {
    const collector = new OtlpCollector();
    await new Promise<void>((resolve) => collector.#server.listen(port, '127.0.0.1', resolve));
    return collector;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Waits until there are so many spans that match, and gives them in the order of their beginning. */
  async collected(count: number, match: (span: CollectedSpan) => boolean = () => true): Promise<CollectedSpan[]> {
    const spans = await eventually(
      async () => this.spans.filter(match),
      (found) => found.length >= count,
    );
    return spans.sort((a, b) => a.startMs - b.startMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #take(request: IncomingMessage): Promise<void> {
    const { url, method, headers } = request;
    const body = (await json(request)) as Json;
    if (method !== 'POST' || url !== '/v1/traces' || headers['content-type'] !== 'application/json')
      throw new Error(`not OTLP: ${method} ${url} ${headers['content-type']}`);
    if (this.isHanging) return;
    this.bodies.push(JSON.stringify(body));
    this.spans.push(...body.resourceSpans.flatMap(spansOf));
  }
}

function spansOf({ resource, scopeSpans }: Json): CollectedSpan[] {
  const process = attributesOf(resource.attributes);
  return scopeSpans.flatMap(({ spans }: Json) => spans.map((span: Json) => spanOf(span, process)));
}

function spanOf(span: Json, resource: CollectedSpan['resource']): CollectedSpan {
  const kind = kinds[span.kind - 1];
  if (kind === undefined) throw new Error(`no kind of span: ${span.kind}`);
  return {
    name: span.name,
    kind,
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId ?? '',
    traceState: span.traceState ?? '',
    isError: span.status?.code === errorStatus,
    startMs: Number(span.startTimeUnixNano) / nanosecondsPerMs,
    endMs: Number(span.endTimeUnixNano) / nanosecondsPerMs,
    attributes: attributesOf(span.attributes),
    resource,
  };
}

function attributesOf(attributes: Json): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value }: Json) => [
      key,
      value.stringValue ?? value.boolValue ?? value.doubleValue ?? Number(value.intValue),
    ]),
  );
}
