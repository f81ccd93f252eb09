import type { DescMessage, DescMethodStreaming, DescMethodUnary, MessageInitShape } from '@bufbuild/protobuf';
import type { ContextValues, StreamResponse, Transport, UnaryResponse } from '@connectrpc/connect';
import { type AccessToken, type AccessTokens, authorization } from './access-tokens.ts';
import { isRefusal, refusalOf } from './refusal.ts';

/** A unary call takes a read or one append: longer than this means that nobody is there. */
const CALL_TIMEOUT_MS = 10_000;

/** Whatever makes Headers. */
type HeadersLike = ConstructorParameters<typeof Headers>[0];

/**
 * A transport whose calls carry the caller's token, end in time, and throw Refusal, or the reason of their own signal.
 * @param tokens undefined: calls carry none
 */
export function callsOver(transport: Transport, tokens: AccessTokens | undefined): Transport {
  return {
    async unary<I extends DescMessage, O extends DescMessage>(
      method: DescMethodUnary<I, O>,
      signal: AbortSignal | undefined,
      timeoutMs: number | undefined,
      header: HeadersLike,
      input: MessageInitShape<I>,
      contextValues?: ContextValues,
    ): Promise<UnaryResponse<I, O>> {
      const call = async (headers: Headers) => {
        try {
          return await transport.unary(method, signal, timeoutMs ?? CALL_TIMEOUT_MS, headers, input, contextValues);
        } catch (error) {
          signal?.throwIfAborted();
          throw refusalOf(error);
        }
      };
      const token = new Headers(header).has('authorization') ? undefined : await tokens?.fresh();
      try {
        return await call(withToken(header, token));
      } catch (error) {
        if (token === undefined || !isRefusal(error, 'UNAUTHENTICATED')) throw error;
        const other = await tokens?.instead?.(token);
        if (other === undefined) throw error;
        return call(withToken(header, other));
      }
    },
    async stream<I extends DescMessage, O extends DescMessage>(
      method: DescMethodStreaming<I, O>,
      signal: AbortSignal | undefined,
      timeoutMs: number | undefined,
      header: HeadersLike,
      input: AsyncIterable<MessageInitShape<I>>,
      contextValues?: ContextValues,
    ): Promise<StreamResponse<I, O>> {
      const token = new Headers(header).has('authorization') ? undefined : await tokens?.fresh();
      try {
        const headers = withToken(header, token);
        // A session lasts as long as it lasts.
        const response = await transport.stream(method, signal, timeoutMs ?? 0, headers, input, contextValues);
        return { ...response, message: withRefusals(response.message, signal) };
      } catch (error) {
        signal?.throwIfAborted();
        throw refusalOf(error);
      }
    },
  };
}

function withToken(header: HeadersLike, token: AccessToken | undefined): Headers {
  const headers = new Headers(header);
  for (const [name, value] of Object.entries(authorization(token))) headers.set(name, value);
  return headers;
}

async function* withRefusals<T>(messages: AsyncIterable<T>, signal: AbortSignal | undefined): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (error) {
    signal?.throwIfAborted();
    throw refusalOf(error);
  }
}
