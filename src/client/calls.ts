import type { DescMessage, DescMethodStreaming, DescMethodUnary, MessageInitShape } from '@bufbuild/protobuf';
import type { ContextValues, StreamResponse, Transport, UnaryResponse } from '@connectrpc/connect';
import { type AccessTokens, authorization } from './access-tokens.ts';
import { refusalOf } from './refusal.ts';

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
      const headers = await withToken(header, tokens);
      try {
        return await transport.unary(method, signal, timeoutMs ?? CALL_TIMEOUT_MS, headers, input, contextValues);
      } catch (error) {
        signal?.throwIfAborted();
        throw refusalOf(error);
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
      const headers = await withToken(header, tokens);
      try {
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

async function withToken(header: HeadersLike, tokens: AccessTokens | undefined): Promise<Headers> {
  const headers = new Headers(header);
  if (headers.has('authorization')) return headers;
  for (const [name, value] of Object.entries(authorization(await tokens?.fresh()))) headers.set(name, value);
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
