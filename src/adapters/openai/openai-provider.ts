import { mediaInWords } from '../../domain/media/in-words.ts';
import {
  estimatedSoundMs,
  type Generating,
  type MessageToAnswer,
  mostSoundMs,
  noUnits,
  type Provider,
  ProviderError,
  type ProviderRequest,
  type ReplyPiece,
  type RequestMedia,
  type Truncated,
  type Usage,
  type UsageBounds,
} from '../../ports/provider.ts';
import { type Answer, type Call, chunksOf, drain, post, within } from './call.ts';
import { piecesOf } from './chat-stream.ts';
import { type ChatMessage, type Content, contextOf, inputBounds, inputTokensOf, type PicturePart } from './context.ts';
import { HttpRefusal } from './failure.ts';
import { drainMs, leastOutputTokens, maxShownBytes, maxSpeechBytes } from './limits.ts';
import { listen, readMedia, type Transcripts } from './listening.ts';
import { make } from './making.ts';
import { checkSettings, type OpenAiProviderSettings } from './settings.ts';

/** The pictures that the model is shown: in order, as long as they are not too large together. */
function shown(media: readonly RequestMedia[], vision: boolean): ReadonlySet<RequestMedia> {
  const pictures = new Set<RequestMedia>();
  let bytes = 0;
  for (const candidate of media) {
    if (!vision || candidate.kind !== 'image' || bytes + candidate.sizeBytes > maxShownBytes) continue;
    pictures.add(candidate);
    bytes += candidate.sizeBytes;
  }
  return pictures;
}

/** What the model is told of media that it is not shown: what was said in them is what the user said, the rest stands in brackets. */
function inWords(media: RequestMedia, transcript: string | undefined): string {
  const what = mediaInWords(media);
  if (transcript === undefined) return `[${what}]`;
  if (transcript === '') return `[${what}, without speech]`;
  return media.kind === 'voice' ? transcript : `[${what}, in which is said:]\n${transcript}`;
}

async function pictureOf(media: RequestMedia): Promise<PicturePart> {
  const base64 = Buffer.from(await readMedia(media)).toString('base64');
  return { type: 'image_url', image_url: { url: `data:${media.contentType};base64,${base64}` } };
}

/** The message to answer as the model gets it. Rejects with ProviderError when its pictures cannot be read. */
export async function contentOf(
  { text, media }: ProviderRequest,
  transcripts: Transcripts,
  vision: boolean,
): Promise<Content> {
  const pictures = shown(media, vision);
  const told = media.filter((one) => !pictures.has(one)).map((one) => inWords(one, transcripts.get(one)));
  const words = [text, ...told].filter((line) => line !== '').join('\n');
  if (pictures.size === 0) return words;
  const parts: PicturePart[] = [];
  // One after the other: the store is asked for one picture at a time.
  for (const picture of pictures) parts.push(await pictureOf(picture));
  return words === '' ? parts : [{ type: 'text', text: words }, ...parts];
}

/** The last message is not to be closed. As vLLM has it, and llama.cpp too; servers that go on unasked take no notice of it. */
const goesOn = { continue_final_message: true, add_generation_prompt: false };

/** A website, or a proxy before the server, answers with status 200 as well. */
function notAModelServer(contentType: string): ProviderError {
  const [type] = contentType.split(';');
  const what = `the answer is ${type === '' ? 'of no type' : type}, not an event stream: is the base URL that of a model server?`;
  return new ProviderError(what, false, undefined, { fault: 'not a model server' });
}

/** What of the protocol the server knows, as far as it has refused the rest. */
interface Dialect {
  /** It is asked to say what a reply used. */
  asksUsage: boolean;
  /** What limits a reply: the newer name, or the one that is older, and all that some servers know. */
  outputLimit: 'max_completion_tokens' | 'max_tokens';
}

/** Asks in the server's dialect, and learns it. */
async function ask(call: Call, request: object, outputTokens: number | undefined, dialect: Dialect): Promise<Answer> {
  const { asksUsage, outputLimit } = dialect;
  const limit = outputTokens === undefined ? {} : { [outputLimit]: outputTokens };
  const usage = asksUsage ? { stream_options: { include_usage: true } } : {};
  try {
    return await post(call, '/chat/completions', { ...request, ...limit, ...usage }, 'text/event-stream');
  } catch (error) {
    if (!(error instanceof HttpRefusal)) throw error;
    const learnt: Dialect = {
      asksUsage: asksUsage && !error.isOfUsage,
      outputLimit: error.isOfOutputLimit ? 'max_tokens' : outputLimit,
    };
    const isNew = learnt.asksUsage !== asksUsage || (outputTokens !== undefined && learnt.outputLimit !== outputLimit);
    if (!isNew) throw error;
    Object.assign(dialect, learnt);
    return ask(call, request, outputTokens, dialect);
  }
}

/** What the model says to the messages, the last of which it goes on with if that is its own. Throws ProviderError, or the signal's reason once aborted. */
export async function* chat(
  settings: OpenAiProviderSettings,
  messages: () => readonly ChatMessage[],
  outputTokens: number | undefined,
  dialect: Dialect,
  signal: AbortSignal,
): AsyncIterable<string | Generating | Truncated | Usage> {
  signal.throwIfAborted();
  const ended = new AbortController();
  const call: Call = { settings, signal: AbortSignal.any([signal, ended.signal]) };
  try {
    const shown = messages();
    const begun = shown.at(-1)?.role === 'assistant' ? goesOn : undefined;
    const request = { model: settings.model, messages: shown, stream: true, ...begun };
    const { contentType, reader } = await ask(call, request, outputTokens, dialect);
    if (!/^text\/event-stream\b/.test(contentType)) throw notAModelServer(contentType);
    const pieces = piecesOf(chunksOf(reader), begun !== undefined, (next) => within(drainMs, call, next));
    for await (const piece of pieces) {
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

const defaultSystemPrompt = "You are a polite assistant in a chat. Answer briefly and in the user's language.";

function textReply(
  settings: OpenAiProviderSettings,
  request: ProviderRequest,
  content: Content,
  dialect: Dialect,
  signal: AbortSignal,
): AsyncIterable<string | Generating | Truncated | Usage> {
  const { maxContextTokens, systemPrompt = defaultSystemPrompt } = settings;
  const messages = () => contextOf(request, content, systemPrompt, maxContextTokens);
  return chat(settings, messages, request.limits?.outputTokens, dialect, signal);
}

/** Listens, answers in text, then makes of that text what else is wanted. */
async function* replyWithMedia(
  settings: OpenAiProviderSettings,
  request: ProviderRequest,
  dialect: Dialect,
  signal: AbortSignal,
): AsyncIterable<ReplyPiece> {
  signal.throwIfAborted();
  const call: Call = { settings, signal };
  try {
    const transcripts = yield* listen(call, request);
    const { vision = false } = settings;
    const content = await contentOf(request, transcripts, vision);
    const pictures = shown(request.media, vision).size;
    if (pictures > 0) yield { type: 'usage', picturesIn: pictures };
    let text = request.begun;
    for await (const piece of textReply(settings, request, content, dialect, signal)) {
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

function boundsOf(message: MessageToAnswer, settings: OpenAiProviderSettings): UsageBounds {
  const { systemPrompt = defaultSystemPrompt, maxContextTokens, maxOutputTokens } = settings;
  const { transcriptionModel = '', speechModel = '', imageModel = '' } = settings;
  const { media, replyKind } = message;
  const { least, most } = inputBounds(message, systemPrompt, maxContextTokens);
  const heard = media.filter(({ kind }) => kind !== 'image' && transcriptionModel !== '');
  const beside = {
    ...noUnits,
    soundInMs: heard.reduce((sum, { sizeBytes }) => sum + mostSoundMs(sizeBytes), 0),
    soundOutMs: speechModel !== '' && replyKind !== 'text' ? estimatedSoundMs(maxSpeechBytes) : 0,
    picturesIn: settings.vision ? media.filter(({ kind }) => kind === 'image').length : 0,
    picturesOut: imageModel !== '' && replyKind === 'video' ? 1 : 0,
  };
  return {
    least: { ...beside, inputTokens: least, outputTokens: leastOutputTokens },
    most: { ...beside, inputTokens: most, outputTokens: maxOutputTokens },
  };
}

/**
 * Any server with OpenAI's chat-completions stream and, each if its model is named, its endpoints for transcription, speech and pictures.
 * The conversation goes along as far as `maxContextTokens` allows, the client's local time with it. Time limits are the caller's. Throws
 * TypeError or RangeError on settings that make no sense; neither those messages nor any ProviderError's shows the key.
 */
export function openAiProvider(settings: OpenAiProviderSettings): Provider {
  checkSettings(settings);
  const dialect: Dialect = { asksUsage: true, outputLimit: 'max_completion_tokens' };
  const { systemPrompt = defaultSystemPrompt, maxContextTokens, vision = false } = settings;
  return {
    estimatedInputTokens: (request) => inputTokensOf(request, systemPrompt, maxContextTokens, vision),
    bounds: (message) => boundsOf(message, settings),
    name: 'openai',
    model: settings.model,
    usesHistory: true,
    continues: settings.continues ?? false,
    reply: (request, signal) =>
      request.replyKind === 'text' && request.media.length === 0
        ? textReply(settings, request, request.text, dialect, signal)
        : replyWithMedia(settings, request, dialect, signal),
  };
}
