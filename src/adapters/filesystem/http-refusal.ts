import type { Reason } from '../../domain/errors/catalogue.ts';
import { MediaMissing, MediaQuotaExceeded, MediaStoreFull, MediaUnavailable } from '../../ports/media-store.ts';
import { mapSystemError } from './errors.ts';
import { retryAfterFullS, retryAfterS } from './limits.ts';

/** A request is refused: as it is thrown. */
export class HttpRefusal extends Error {
  override readonly name = 'HttpRefusal';
  readonly status: number;
  readonly reason: Reason;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, reason: Reason, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(detail);
    this.status = status;
    this.reason = reason;
    this.headers = headers;
  }
}

/** The client has disconnected, or was refused as too slow: there is no response. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

/** The URL was not signed here, is for another method, or has expired; the response does not say which. */
export function urlRefused(): HttpRefusal {
  return new HttpRefusal(403, 'MEDIA_URL_INVALID', 'The URL has expired, or was changed: ask for a fresh one.');
}

/** Something is not as the upload's URL says. */
export function mismatch(status: number, detail: string): HttpRefusal {
  return new HttpRefusal(status, 'MEDIA_MISMATCH', detail);
}

/** All places are taken. */
export function busy(): HttpRefusal {
  return new HttpRefusal(503, 'MEDIA_UNAVAILABLE', 'Too many transfers at once: try again.', {
    'retry-after': String(retryAfterS),
  });
}

/** There is nothing here. */
export function nothingHere(): HttpRefusal {
  return new HttpRefusal(404, 'MEDIA_NOT_FOUND', 'There is nothing here.');
}

/** What an error is answered with. The only place that decides it. */
export function refusalOf(thrown: unknown): HttpRefusal {
  if (thrown instanceof HttpRefusal) return thrown;
  const error = mapSystemError(thrown);
  if (error instanceof MediaMissing) return nothingHere();
  // No 5xx: trying again is of no use.
  if (error instanceof MediaQuotaExceeded)
    return new HttpRefusal(413, 'MEDIA_QUOTA_EXCEEDED', 'With it there would be more than this client may have.');
  if (error instanceof MediaStoreFull)
    return new HttpRefusal(507, 'MEDIA_STORE_FULL', 'There is no room for it now.', {
      'retry-after': String(retryAfterFullS),
    });
  if (error instanceof MediaUnavailable) {
    return new HttpRefusal(503, 'MEDIA_UNAVAILABLE', 'The media cannot be read or written now: try again.', {
      'retry-after': String(retryAfterS),
    });
  }
  return new HttpRefusal(500, 'INTERNAL', 'A defect of the server.');
}
