/** How a media store, or the server, answered to a PUT or GET. */
export interface TransferAnswer {
  /** The HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** The text beside it; empty when there is none. */
  readonly statusText: string;
  /** The beginning of what it said. */
  readonly body: string;
}

/** A transfer of media that did not succeed. The message is a whole sentence, or a reason with its detail. */
export class TransferFailed extends Error {
  override readonly name = 'TransferFailed';
  /** The HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** Of the error catalogue, where a server of ours says it; else empty. */
  readonly reason: string;

  constructor(status: number, message: string, reason = '') {
    super(message);
    this.status = status;
    this.reason = reason;
  }

  /** The same again may work. */
  get retryable(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }

  /** The URL is no good any more, or never was. */
  get needsFreshUrl(): boolean {
    return this.status === 401 || this.status === 403 || this.status === 410;
  }
}

/** @throws TransferFailed with the reason that the server gives, unless it has taken or given all */
export function demandSuccess({ status, statusText, body }: TransferAnswer): void {
  if (status >= 200 && status < 300) return;
  const { reason, message } = told(body);
  const usual = status === 0 ? 'The connection broke.' : `${status} ${statusText}`.trim();
  throw new TransferFailed(status, message ?? usual, reason);
}

/** A server of ours says it as JSON; an object store as XML, which says no more than the status. */
function told(body: string): { readonly reason?: string; readonly message?: string } {
  try {
    const { reason, detail } = Object(JSON.parse(body));
    if (typeof reason !== 'string') return {};
    return { reason, message: typeof detail === 'string' ? `${reason}: ${detail}` : reason };
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
