import {
  estimatedSoundMs,
  type GeneratedMedia,
  type Generating,
  ProviderError,
  type ReplyKind,
  type Usage,
} from '../../ports/provider.ts';
import { type Call, postForBytes, postForObject } from './call.ts';
import { maxDepictedChars, maxImageBodyBytes, maxImageBytes, maxSpeechBytes, maxSpokenChars } from './limits.ts';

/** What a format's bytes begin with, in Latin-1; a dot stands for any byte. */
type Signature = readonly [contentType: string, beginning: RegExp];

const sounds: readonly Signature[] = [
  // ID3, or the first frame of layer III.
  ['audio/mpeg', /^(?:ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb])/s],
  ['audio/wav', /^RIFF....WAVE/s],
  ['audio/ogg', /^OggS/s],
];

const pictures: readonly Signature[] = [
  ['image/jpeg', /^\xff\xd8\xff/s],
  ['image/png', /^\x89PNG\r\n\x1a\n/s],
  ['image/webp', /^RIFF....WEBP/s],
];

/** The longest of the beginnings. */
const headBytes = 12;

function typeOf(bytes: Uint8Array, signatures: readonly Signature[]): string | undefined {
  const head = Buffer.from(bytes.subarray(0, headBytes)).toString('latin1');
  return signatures.find(([, beginning]) => beginning.test(head))?.[0];
}

/** The media type of a sound: MP3, WAV or OGG; undefined for anything else. */
function soundTypeOf(bytes: Uint8Array): string | undefined {
  return typeOf(bytes, sounds);
}

/** The media type of a picture: JPEG, PNG or WebP; undefined for anything else. */
function imageTypeOf(bytes: Uint8Array): string | undefined {
  return typeOf(bytes, pictures);
}

/** The beginning of a text, in UTF-16 units, up to the end of a sentence or at least of a word where there is one. */
export function beginningOf(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const head = text.slice(0, maxChars);
  const [sentences] = head.match(/^.*[.!?…。！？](?=\s|$|[^\x00-\x7f])/su) ?? [];
  const [words] = head.match(/^.*(?=\s)/s) ?? [];
  // A sentence that ended long before would leave out too much.
  const cut = [sentences, words].find((candidate = '') => candidate.length > maxChars / 2) ?? head;
  return cut.toWellFormed().trimEnd();
}

/** The reply, spoken. Rejects with ProviderError. */
async function speak(call: Call, model: string, text: string): Promise<GeneratedMedia> {
  const { speechVoice: voice } = call.settings;
  const request = { model, voice, input: beginningOf(text, maxSpokenChars), response_format: 'mp3' };
  const bytes = await postForBytes(call, '/audio/speech', request, 'audio/mpeg', maxSpeechBytes);
  // Not every server has MP3, whatever it is asked for.
  const contentType = soundTypeOf(bytes);
  if (contentType === undefined) throw new ProviderError('the answer of /audio/speech is no sound', false);
  return { type: 'media', kind: 'voice', contentType, bytes };
}

/** How a model is told to answer with the picture itself: each of OpenAI's two families refuses the other's parameter. */
function outputOptions(model: string): object {
  return /^(?:chatgpt|gpt)-image/.test(model) ? { output_format: 'jpeg' } : { response_format: 'b64_json' };
}

function pictureIn(answer: Readonly<Record<string, unknown>>): Buffer {
  const { data } = answer;
  const first: unknown = Array.isArray(data) ? data[0] : undefined;
  const encoded = typeof first === 'object' && first !== null && 'b64_json' in first ? first.b64_json : undefined;
  // A URL would have to be fetched from an address that the response chooses.
  if (typeof encoded !== 'string') throw new ProviderError('the answer of /images/generations has no b64_json', false);
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.length > maxImageBytes) throw new ProviderError(`a picture of over ${maxImageBytes} bytes`, false);
  return bytes;
}

/** A picture of what the reply says. Rejects with ProviderError. */
async function paint(call: Call, model: string, text: string): Promise<GeneratedMedia> {
  const prompt = `A picture, without any writing, of what is said here: ${beginningOf(text, maxDepictedChars)}`;
  const request = { model, prompt, n: 1, ...outputOptions(model) };
  const bytes = pictureIn(await postForObject(call, '/images/generations', request, maxImageBodyBytes));
  const contentType = imageTypeOf(bytes);
  if (contentType === undefined) throw new ProviderError('the answer of /images/generations is no picture', false);
  return { type: 'media', kind: 'image', contentType, bytes };
}

/** Voice and picture of a reply, as far as the sort wants them and there are models for them. Throws ProviderError. */
export async function* make(
  call: Call,
  replyKind: ReplyKind,
  text: string,
): AsyncGenerator<Generating | GeneratedMedia | Usage, void> {
  const { speechModel = '', imageModel = '' } = call.settings;
  if (replyKind !== 'text' && speechModel !== '') {
    yield { type: 'generating' };
    const voice = await speak(call, speechModel, text);
    yield { type: 'usage', soundOutMs: estimatedSoundMs(voice.bytes.length) };
    yield voice;
  }
  if (replyKind === 'video' && imageModel !== '') {
    yield { type: 'generating' };
    const picture = await paint(call, imageModel, text);
    yield { type: 'usage', picturesOut: 1 };
    yield picture;
  }
}
