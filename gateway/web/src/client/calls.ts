import { Code, ConnectError, createClient, type Interceptor, type Transport } from '@connectrpc/connect';
import { createGrpcWebTransport } from '@connectrpc/connect-web';
import { AccountService } from '../../../../src/client/gen/chat/v1/account_service_pb.js';
import { ChatService } from '../../../../src/client/gen/chat/v1/chat_service_pb.js';
import { HistoryService } from '../../../../src/client/gen/chat/v1/history_service_pb.js';
import { MediaService } from '../../../../src/client/gen/chat/v1/media_service_pb.js';
import { OperationsService } from '../../../../src/client/gen/chat/v1/operations_service_pb.js';
import { refusalOf } from '../../../../src/client/refusal.ts';
import type { Refusal } from './app.ts';
import { refusal } from './refusals.ts';

/** A read waits up to 5 s for history, and a message with media goes over slow networks. */
const callTimeoutMs = 30_000;

/** Envoy names the gateway that holds a session with this header of Open's answer, and finds it by the same header of later calls. */
export const gatewayHeader = 'x-parley-gateway';

/** A call that failed: refused by the server, or never answered. */
export class CallFailed extends Error {
  override readonly name = 'CallFailed';
  readonly refusal: Refusal;
  /** The server's own advice on when to try again. */
  readonly retryDelayMs: number | undefined;

  constructor(why: Refusal, retryDelayMs?: number) {
    super(why.title);
    this.refusal = why;
    this.retryDelayMs = retryDelayMs;
  }

  get reason(): string {
    return this.refusal.reason;
  }
}

/** Who calls. Both reject with CallFailed. */
export interface Credentials {
  /** An access token that works now, without "Bearer "; undefined where nobody signs in. */
  fresh(): Promise<string | undefined>;
  /** Another one than the server has refused; undefined when there is none. */
  instead(refused: string | undefined): Promise<string | undefined>;
}

/** The server's services. Their methods reject with whatever the transport throws: `failure` tells what it means. */
export class Calls {
  readonly accounts;
  /** The same service, for calls about the caller's own account. */
  readonly ownAccount;
  readonly chat;
  readonly history;
  readonly media;
  readonly operations;

  constructor(apiUrl: string, credentials: Credentials) {
    const anybody = transportTo(apiUrl, []);
    const caller = transportTo(apiUrl, [authorize(credentials)]);
    this.accounts = createClient(AccountService, anybody);
    this.ownAccount = createClient(AccountService, caller);
    this.chat = createClient(ChatService, caller);
    this.history = createClient(HistoryService, caller);
    this.media = createClient(MediaService, caller);
    this.operations = createClient(OperationsService, caller);
  }
}

function transportTo(baseUrl: string, interceptors: Interceptor[]): Transport {
  return createGrpcWebTransport({ baseUrl, interceptors, defaultTimeoutMs: callTimeoutMs });
}

/** Puts the token into the headers. One that the server refuses is renewed once; the session's stream is tried again by the session. */
function authorize(credentials: Credentials): Interceptor {
  return (next) => async (request) => {
    const token = await credentials.fresh();
    if (token !== undefined) request.header.set('authorization', `Bearer ${token}`);
    if (request.stream) return next(request);
    try {
      return await next(request);
    } catch (error) {
      if (failure(error).reason !== 'UNAUTHENTICATED') throw error;
      const other = await credentials.instead(token);
      if (other === undefined) throw error;
      request.header.set('authorization', `Bearer ${other}`);
      return next(request);
    }
  };
}

/** What a call's error means. */
export function failure(error: unknown): CallFailed {
  if (error instanceof CallFailed) return error;
  const { cause } = ConnectError.from(error);
  // What an interceptor throws comes wrapped.
  if (cause instanceof CallFailed) return cause;
  const { code, message, retryDelayMs, ...told } = refusalOf(error);
  const reason = told.reason === '' ? reasonOf(code) : told.reason;
  const isLost = told.reason === '' && lost.has(code);
  return new CallFailed(refusal(reason, retryDelayMs !== undefined || isLost, message), retryDelayMs);
}

/** Codes by which transports and proxies tell that nobody answered: a server that dies amid a stream shows as UNKNOWN as well. */
const lost: ReadonlySet<Code> = new Set([
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
  if (lost.has(code)) return 'NETWORK';
  if (code === Code.Unauthenticated) return 'UNAUTHENTICATED';
  return code === Code.Unimplemented || code === Code.NotFound ? 'NOT_IMPLEMENTED' : 'INTERNAL';
}

/** Waits for a call and tells its failure as a value. */
export async function orRefusal(call: Promise<unknown>): Promise<Refusal | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    return failure(error).refusal;
  }
}
