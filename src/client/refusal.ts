import { durationMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from './gen/google/rpc/error_details_pb.js';
import { type Reason, reasons } from './reasons.ts';

/** One field that the server found wrong. */
export interface Violation {
  readonly field: string;
  readonly description: string;
}

/** What is known of a refusal beside its code and text. */
export interface RefusalDetails {
  readonly reason?: string;
  readonly retryDelayMs?: number | undefined;
  readonly violations?: readonly Violation[];
  readonly cause?: unknown;
}

/**
 * Why a call, a session or a message failed, as the server told it, or as the transport did. `isRefusal` tells one reason from another.
 */
export class Refusal extends Error {
  override readonly name: string = 'Refusal';
  readonly code: Code;
  /**
   * A reason of the error catalogue (docs/errors.md), or one that a newer server knows; empty when the server never said one, as when the connection
   * broke.
   */
  readonly reason: Reason | '' | (string & {});
  /** Milliseconds: the server's own advice on when to try again. */
  readonly retryDelayMs: number | undefined;
  readonly violations: readonly Violation[];

  constructor(code: Code, detail: string, more: RefusalDetails = {}) {
    super(detail, { cause: more.cause });
    this.code = code;
    this.reason = more.reason ?? '';
    this.retryDelayMs = more.retryDelayMs;
    this.violations = more.violations ?? [];
  }

  /** The reason, if this release knows it: for a switch that the compiler checks for completeness. */
  get knownReason(): Reason | undefined {
    return isReason(this.reason) ? this.reason : undefined;
  }

  /** The name of the gRPC code, e.g. UNAVAILABLE. */
  get codeName(): string {
    if (this.code === Code.Canceled) return 'CANCELLED';
    return (Code[this.code] ?? String(this.code)).replaceAll(/(?<=[a-z])[A-Z]/g, '_$&').toUpperCase();
  }
}

/** A message of ours that was not taken, or whose reply was given up. */
export class MessageRefused extends Refusal {
  override readonly name = 'MessageRefused';
  readonly clientMessageId: string;

  constructor(clientMessageId: string, reason: string, detail: string) {
    super(isReason(reason) ? reasons[reason].code : Code.Unknown, detail, { reason });
    this.clientMessageId = clientMessageId;
  }
}

/** A refusal with this reason. */
export type RefusalFor<R extends Reason> = Refusal & { readonly reason: R; readonly knownReason: R };

/** Whether an error is a refusal, for one of these reasons where some are named. */
export function isRefusal(error: unknown): error is Refusal;
export function isRefusal<R extends Reason>(error: unknown, ...wanted: readonly R[]): error is RefusalFor<R>;
export function isRefusal(error: unknown, ...wanted: readonly Reason[]): boolean {
  return error instanceof Refusal && (wanted.length === 0 || wanted.some((reason) => reason === error.reason));
}

function isReason(reason: string): reason is Reason {
  return Object.hasOwn(reasons, reason);
}

/** What an error of a call means: reads google.rpc.Status out of what the transport throws. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const failed = ConnectError.from(error);
  if (failed.cause instanceof Refusal) return failed.cause;
  const [info] = failed.findDetails(ErrorInfoSchema);
  const [retry] = failed.findDetails(RetryInfoSchema);
  const [bad] = failed.findDetails(BadRequestSchema);
  return new Refusal(isTransports(failed) ? Code.Unavailable : failed.code, failed.rawMessage, {
    reason: info?.reason ?? '',
    retryDelayMs: retry?.retryDelay && durationMs(retry.retryDelay),
    violations: (bad?.fieldViolations ?? []).map(({ field, description }) => ({ field, description })),
    cause: error,
  });
}

/** Nobody answered: the transport tells it as a cause, or as a reset, under various codes. */
function isTransports({ cause, rawMessage, details }: ConnectError): boolean {
  return details.length === 0 && (cause !== undefined || /^http\/2 stream closed|^connection aborted/.test(rawMessage));
}
