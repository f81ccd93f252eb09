import { status } from '@grpc/grpc-js';
import { ErrorInfo, RetryInfo } from '../../src/gen/google/rpc/error_details.ts';
import { Status } from '../../src/gen/google/rpc/status.ts';
import { millisOf } from './duration.ts';

/** Why a call or a session's stream ended. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: status;
  /** Of the error catalogue; '' when the server told none, as when the connection broke. */
  readonly reason: string;
  /** When the server says to try again, if it does. */
  readonly retryDelayMs: number | undefined;

  constructor(code: status, detail: string, reason = '', retryDelayMs?: number) {
    super(detail);
    this.code = code;
    this.reason = reason;
    this.retryDelayMs = retryDelayMs;
  }

  /** What it is counted as: the reason, or the name of the gRPC code. */
  get label(): string {
    return this.reason === '' ? (status[this.code] ?? String(this.code)) : this.reason;
  }
}

/** What becomes of a call on a line that its own client has dropped. */
export function hungUp(): Refusal {
  return new Refusal(status.CANCELLED, 'the client has hung up');
}

/** A status with the details that `grpc-status-details-bin` carries, if it does. */
export function refusalOf(code: number, message: string, packed: Uint8Array | undefined): Refusal {
  let reason = '';
  let retryDelayMs: number | undefined;
  for (const { typeUrl, value } of packed === undefined ? [] : detailsOf(packed)) {
    if (typeUrl.endsWith('/google.rpc.ErrorInfo')) ({ reason } = ErrorInfo.decode(value));
    else if (typeUrl.endsWith('/google.rpc.RetryInfo')) {
      retryDelayMs = millisOf(RetryInfo.decode(value).retryDelay);
    }
  }
  return new Refusal(code, message, reason, retryDelayMs);
}

/** A proxy may have cut the details; the code beside them still tells what happened. */
function detailsOf(packed: Uint8Array): Status['details'] {
  try {
    return Status.decode(packed).details;
  } catch {
    return [];
  }
}
