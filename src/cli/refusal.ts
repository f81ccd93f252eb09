import type { ServiceError } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import type { Duration } from '../gen/google/protobuf/duration.ts';
import { BadRequest, ErrorInfo, RetryInfo } from '../gen/google/rpc/error_details.ts';
import { Status } from '../gen/google/rpc/status.ts';

const DETAILS_KEY = 'grpc-status-details-bin';

/** One field that the server found wrong. */
export interface Violation {
  readonly field: string;
  readonly description: string;
}

/** Why a call or a stream ended, as the server told it, or as the transport did. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: status;
  /** A reason of the error catalogue; empty when the server never said one, as when the connection broke. */
  readonly reason: string;
  /** The server's own advice on when to try again. */
  readonly retryDelayMs: number | undefined;
  readonly violations: readonly Violation[];

  constructor(
    code: status,
    detail: string,
    more: { reason?: string; retryDelayMs?: number | undefined; violations?: readonly Violation[] } = {},
  ) {
    super(detail);
    this.code = code;
    this.reason = more.reason ?? '';
    this.retryDelayMs = more.retryDelayMs;
    this.violations = more.violations ?? [];
  }

  /** The name of the gRPC code, e.g. UNAVAILABLE. */
  get codeName(): string {
    return status[this.code] ?? String(this.code);
  }
}

/** Milliseconds of a protobuf duration. */
export function durationMs(duration: Duration): number {
  return Number(duration.seconds) * 1_000 + Math.round(duration.nanos / 1e6);
}

/** The protobuf duration of so many milliseconds. */
export function durationOf(ms: number): Duration {
  return { seconds: BigInt(Math.floor(ms / 1_000)), nanos: Math.round(ms % 1_000) * 1e6 };
}

/** Reads google.rpc.Status out of what grpc-js hands over when a call fails. */
export function refusalOf(error: Pick<ServiceError, 'code' | 'details' | 'metadata'>): Refusal {
  const [packed] = error.metadata.get(DETAILS_KEY);
  if (!Buffer.isBuffer(packed)) return new Refusal(error.code, error.details);
  const told = decodeStatus(packed);
  if (told === undefined) return new Refusal(error.code, error.details);
  const found: { reason?: string; retryDelayMs?: number; violations?: Violation[] } = {};
  for (const { typeUrl, value } of told.details) {
    const type = typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
    if (type === 'google.rpc.ErrorInfo') found.reason = ErrorInfo.decode(value).reason;
    if (type === 'google.rpc.BadRequest') found.violations = BadRequest.decode(value).fieldViolations;
    if (type === 'google.rpc.RetryInfo') {
      const { retryDelay } = RetryInfo.decode(value);
      if (retryDelay !== undefined) found.retryDelayMs = durationMs(retryDelay);
    }
  }
  return new Refusal(error.code, told.message === '' ? error.details : told.message, found);
}

/** A proxy may mangle the details; the code and the message beside them still tell what happened. */
function decodeStatus(packed: Buffer): Status | undefined {
  try {
    return Status.decode(packed);
  } catch {
    return undefined;
  }
}
