import { extensionOf } from '../../domain/media/formats.ts';
import { type Generating, ProviderError, type ProviderRequest, type RequestMedia } from '../../ports/provider.ts';
import { type Call, postForObject } from './call.ts';
import { HttpRefusal } from './failure.ts';
import { maxTranscribedBytes, maxTranscriptBodyBytes } from './limits.ts';

/** Transcript of a message's audio and videos; '' without speech. */
export type Transcripts = ReadonlyMap<RequestMedia, string>;

/** Statuses of a file that cannot be used, as against a request that cannot. */
const unusableFile: ReadonlySet<number> = new Set([400, 415, 422]);

/** Reads media of the message. Rejects with ProviderError. */
export async function readMedia(media: RequestMedia): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await media.bytes());
  } catch (cause) {
    const retryable = cause instanceof Error && 'retryable' in cause && cause.retryable === true;
    throw new ProviderError('what was sent cannot be read', retryable, undefined, { cause });
  }
}

async function transcribe(call: Call, model: string, media: RequestMedia): Promise<string> {
  const form = new FormData();
  // Servers tell the format by the name's ending.
  const name = `${media.kind}.${extensionOf(media.contentType)}`;
  form.set('file', new Blob([await readMedia(media)], { type: media.contentType }), name);
  form.set('model', model);
  form.set('response_format', 'json');
  const { text } = await postForObject(call, '/audio/transcriptions', form, maxTranscriptBodyBytes);
  if (typeof text !== 'string') throw new ProviderError('the transcript is not text', true);
  return text.toWellFormed().trim();
}

/** Listens to one of them. Many videos have no sound, which servers answer with a refusal of the file: nothing is said in those. */
async function heard(call: Call, model: string, media: RequestMedia): Promise<string> {
  try {
    return await transcribe(call, model, media);
  } catch (error) {
    if (media.kind === 'video' && error instanceof HttpRefusal && unusableFile.has(error.status)) return '';
    throw error;
  }
}

/** Listens to every sound and video that is not too large, if there is a model for it, one after the other. Throws ProviderError. */
export async function* listen(call: Call, request: ProviderRequest): AsyncGenerator<Generating, Transcripts> {
  const transcripts = new Map<RequestMedia, string>();
  const { transcriptionModel = '' } = call.settings;
  if (transcriptionModel === '') return transcripts;
  for (const media of request.media) {
    if (media.kind === 'image' || media.sizeBytes > maxTranscribedBytes) continue;
    yield { type: 'generating' };
    transcripts.set(media, await heard(call, transcriptionModel, media));
  }
  return transcripts;
}
