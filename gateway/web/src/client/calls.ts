import { Code } from '@connectrpc/connect';
import type { AccessTokens } from '../../../../src/client/access-tokens.ts';
import { Parley } from '../../../../src/client/parley.ts';
import { refusalOf, Refusal as SdkRefusal } from '../../../../src/client/refusal.ts';
import { TransferFailed } from '../../../../src/client/transfer-failed.ts';
import type { Wire } from '../../../../src/client/wire.ts';
import type { Refusal } from './app.ts';
import { type PageReason, refusal } from './refusals.ts';

/** The server's services. Their methods reject with what the client SDK throws: `shownRefusal` says what it means. */
export class Calls {
  /** Without credentials. */
  readonly accounts;
  /** The same service, for calls about the caller's own account. */
  readonly ownAccount;
  readonly history;
  readonly media;
  readonly operations;
  /** One whose code is loaded when it is used. */
  readonly service: Parley['service'];

  constructor(wire: Wire, tokens: AccessTokens) {
    const caller = new Parley({ wire, tokens });
    this.accounts = new Parley({ wire }).accounts;
    this.ownAccount = caller.accounts;
    this.history = caller.history;
    this.media = caller.media;
    this.operations = caller.operations;
    this.service = caller.service.bind(caller);
  }
}

/** What goes wrong in the page itself, to be thrown beside the refusals of the server. */
export function pageRefusal(reason: PageReason, code = Code.FailedPrecondition): SdkRefusal {
  return new SdkRefusal(code, '', { reason });
}

/** What an error means for the one who is at the page. */
export function shownRefusal(error: unknown): Refusal {
  if (error instanceof TransferFailed) return ofTransfer(error);
  // A file that was changed or removed since it was chosen cannot be read.
  if (error instanceof DOMException && error.name !== 'AbortError') return refusal('ATTACHMENTS_LOST');
  const { code, reason, message, retryDelayMs } = refusalOf(error);
  if (reason !== '') return refusal(reason, retryDelayMs !== undefined || code === Code.Unavailable, message);
  return refusal(reasonOf(code), retryDelayMs !== undefined || LOST.has(code), message);
}

/** Codes by which transports and proxies tell that nobody answered: a server that dies amid a stream shows as UNKNOWN as well. */
const LOST: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.Unknown,
  Code.Canceled,
  Code.Aborted,
  Code.DeadlineExceeded,
  // Of a proxy that limits calls; the server's own refusals have a reason.
  Code.ResourceExhausted,
]);

/** For what a proxy, or the transport itself, has said. */
function reasonOf(code: Code): string {
  if (LOST.has(code)) return 'NETWORK';
  if (code === Code.Unauthenticated) return 'UNAUTHENTICATED';
  return code === Code.Unimplemented || code === Code.NotFound ? 'NOT_IMPLEMENTED' : 'INTERNAL';
}

/** An object store says no more than the status. */
function ofTransfer({ status, reason, retryable, needsFreshUrl }: TransferFailed): Refusal {
  if (needsFreshUrl) return refusal('MEDIA_URL_INVALID', true);
  if (retryable) return refusal(reason || (status === 0 ? 'NETWORK' : 'MEDIA_UNAVAILABLE'), true);
  return refusal(reason || 'MEDIA_MISMATCH');
}

/** Waits for a call and tells its failure as a value. */
export async function orRefusal(call: Promise<unknown>): Promise<Refusal | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    return shownRefusal(error);
  }
}
