import type { Generating, Provider, ProviderRequest, ReplyPiece, Truncated } from '../../ports/provider.ts';
import type { Call } from './call.ts';
import { chat } from './chat.ts';
import { type Content, contextOf } from './context.ts';
import { listen } from './listening.ts';
import { make } from './making.ts';
import { contentOf } from './message.ts';
import { checkSettings, type OpenAiProviderSettings } from './settings.ts';

const defaultSystemPrompt = "You are a polite assistant in a chat. Answer briefly and in the user's language.";

function textReply(
  settings: OpenAiProviderSettings,
  request: ProviderRequest,
  content: Content,
  signal: AbortSignal,
): AsyncIterable<string | Generating | Truncated> {
  const { maxContextTokens, systemPrompt = defaultSystemPrompt } = settings;
  return chat(settings, () => contextOf(request, content, systemPrompt, maxContextTokens), signal);
}

/** Listens, answers in text, then makes of that text what else is wanted. */
async function* replyWithMedia(
  settings: OpenAiProviderSettings,
  request: ProviderRequest,
  signal: AbortSignal,
): AsyncIterable<ReplyPiece> {
  signal.throwIfAborted();
  const call: Call = { settings, signal };
  try {
    const transcripts = yield* listen(call, request);
    const content = await contentOf(request, transcripts, settings.vision ?? false);
    let text = request.begun;
    for await (const piece of textReply(settings, request, content, signal)) {
      if (typeof piece === 'string') text += piece;
      yield piece;
    }
    yield* make(call, request.replyKind, text);
  } catch (error) {
    // Once aborted, whatever fails does so because of it.
    signal.throwIfAborted();
    throw error;
  }
}

/**
 * Any server with OpenAI's chat-completions stream and, each if its model is named, its endpoints for transcription, speech and pictures.
 * The conversation goes along as far as `maxContextTokens` allows, the client's local time with it. Time limits are the caller's. Throws
 * TypeError or RangeError on settings that make no sense; neither those messages nor any ProviderError's shows the key.
 */
export function openAiProvider(settings: OpenAiProviderSettings): Provider {
  checkSettings(settings);
  return {
    model: settings.model,
    usesHistory: true,
    continues: settings.continues ?? false,
    reply: (request, signal) =>
      request.replyKind === 'text' && request.media.length === 0
        ? textReply(settings, request, request.text, signal)
        : replyWithMedia(settings, request, signal),
  };
}
