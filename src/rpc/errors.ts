import { status as grpcStatus, Metadata, type ServiceError } from '@grpc/grpc-js';
import { knownRefusal } from '../app/gateway/refusal.ts';
import { catalogue, Refused } from '../domain/errors/catalogue.ts';
import { BadRequest, ErrorInfo, RetryInfo } from '../gen/google/rpc/error_details.ts';
import { Status } from '../gen/google/rpc/status.ts';
import type { Ids } from '../ports/ids.ts';
import type { Logger, Metrics } from '../ports/telemetry.ts';
import type { Cut } from './refuse-stream.ts';
import { durationOf } from './wire-values.ts';

/** `domain` of every ErrorInfo. */
const errorDomain = 'parley';

const typeUrl = 'type.googleapis.com/google.rpc.';

/** The one place where errors become gRPC statuses: refusals with their details, anything unknown as INTERNAL, its cause kept inside. */
export class ErrorMapping {
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #ids: Pick<Ids, 'unique'>;

  /** `ids` names incidents: what a client is told of an unknown error, and the server's own log. */
  constructor(logger: Logger, metrics: Metrics, ids: Pick<Ids, 'unique'>) {
    this.#logger = logger;
    this.#metrics = metrics;
    this.#ids = ids;
  }

  /** The status of an error as grpc-js sends it. */
  toServiceError(error: unknown): Pick<ServiceError, 'code' | 'details' | 'metadata'> {
    const refused = this.refusal(error);
    this.#metrics.refused(refused.reason);
    const code = grpcStatus[catalogue[refused.reason].code];
    const metadata = new Metadata();
    const status = { code, message: refused.message, details: detailsOf(refused) };
    metadata.set('grpc-status-details-bin', Buffer.from(Status.encode(status).finish()));
    return { code, details: refused.message, metadata };
  }

  /** The refusal that an error is told as. */
  refusal(error: unknown): Refused {
    const known = knownRefusal(error);
    if (known !== undefined) return known;
    const incident = this.#ids.unique();
    this.#logger.error({ err: error, incident }, 'unexpected error in a call');
    return new Refused('INTERNAL', `internal error ${incident}`, { metadata: { incident } });
  }
}

/** The status of an error, for a call that grpc-js does not have. */
export function cutFor(errors: ErrorMapping, error: unknown): Cut {
  const { code, details: message, metadata } = errors.toServiceError(error);
  const [details] = metadata.get('grpc-status-details-bin');
  return { code, message, details: details === undefined ? undefined : Buffer.from(details) };
}

function detailsOf(refused: Refused): Status['details'] {
  const info = { reason: refused.reason, domain: errorDomain, metadata: new Map(Object.entries(refused.metadata)) };
  const details = [{ typeUrl: `${typeUrl}ErrorInfo`, value: Buffer.from(ErrorInfo.encode(info).finish()) }];
  if (refused.retryDelayMs !== undefined) {
    const retry = RetryInfo.encode({ retryDelay: durationOf(refused.retryDelayMs) }).finish();
    details.push({ typeUrl: `${typeUrl}RetryInfo`, value: Buffer.from(retry) });
  }
  if (refused.violations.length > 0) {
    const fieldViolations = refused.violations.map((violation) => ({
      ...violation,
      reason: '',
      localizedMessage: undefined,
    }));
    const bad = BadRequest.encode({ fieldViolations }).finish();
    details.push({ typeUrl: `${typeUrl}BadRequest`, value: Buffer.from(bad) });
  }
  return details;
}
