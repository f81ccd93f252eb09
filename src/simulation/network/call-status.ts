import type { ServiceError } from '@grpc/grpc-js';
import { ErrorInfo } from '../../gen/google/rpc/error_details.ts';
import { Status } from '../../gen/google/rpc/status.ts';

/** How a stream or call ended, as its client sees it. */
export interface CallStatus {
  /** '' where the status carries no ErrorInfo. */
  readonly reason: string;
  readonly code: number;
  readonly details: string;
}

export const okStatus: CallStatus = { reason: '', code: 0, details: '' };
export const cancelled: CallStatus = { reason: '', code: 1, details: 'the server reset the stream' };
export const unavailable: CallStatus = { reason: '', code: 14, details: 'the connection broke' };

/** How an error that the server's code ends a call with reads at the client. */
export function statusOf(error: Partial<Pick<ServiceError, 'code' | 'details' | 'metadata'>>): CallStatus {
  const [bytes] = error.metadata?.get('grpc-status-details-bin') ?? [];
  const details = bytes === undefined ? [] : Status.decode(bytes as Buffer).details;
  const info = details.find(({ typeUrl }) => typeUrl.endsWith('ErrorInfo'));
  const reason = info === undefined ? '' : ErrorInfo.decode(info.value).reason;
  return { reason, code: error.code ?? 2, details: error.details ?? '' };
}
