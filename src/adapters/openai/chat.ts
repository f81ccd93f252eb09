import { type Generating, ProviderError, type Truncated } from '../../ports/provider.ts';
import { type Call, chunksOf, drain, post } from './call.ts';
import { piecesOf } from './chat-stream.ts';
import type { ChatMessage } from './context.ts';
import type { OpenAiProviderSettings } from './settings.ts';

/** Continue the last message instead of closing it, as in vLLM and llama.cpp; other servers ignore it. */
const goesOn = { continue_final_message: true, add_generation_prompt: false };

/** The model's reply to the messages; if the last one is the model's own, it is continued. Throws ProviderError, or the signal's reason once aborted. */
export async function* chat(
  settings: OpenAiProviderSettings,
  messages: () => readonly ChatMessage[],
  signal: AbortSignal,
): AsyncIterable<string | Generating | Truncated> {
  signal.throwIfAborted();
  const ended = new AbortController();
  const call: Call = { settings, signal: AbortSignal.any([signal, ended.signal]) };
  try {
    const shown = messages();
    const begun = shown.at(-1)?.role === 'assistant' ? goesOn : undefined;
    const request = { model: settings.model, messages: shown, stream: true, ...begun };
    const { contentType, reader } = await post(call, '/chat/completions', request, 'text/event-stream');
    if (!/^text\/event-stream\b/.test(contentType)) throw new ProviderError('the answer is not an event stream', false);
    for await (const piece of piecesOf(chunksOf(reader), begun !== undefined)) {
      signal.throwIfAborted();
      yield piece;
    }
    await drain(reader, call);
  } catch (error) {
    // Once aborted, whatever fails does so because of it.
    signal.throwIfAborted();
    throw error;
  } finally {
    // Closes the connection unless the response was read to its end, also when the consumer stops reading.
    ended.abort();
  }
}
