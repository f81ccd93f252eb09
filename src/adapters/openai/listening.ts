import { extensionOf } from '../../domain/media/formats.ts';
import {
  estimatedSoundMs,
  type Generating,
  ProviderError,
  type ProviderRequest,
  type RequestMedia,
  type Usage,
} from '../../ports/provider.ts';
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

interface Heard {
  /** '' without speech. */
  readonly text: string;
  readonly soundMs: number;
}

async function transcribe(call: Call, model: string, media: RequestMedia): Promise<Heard> {
  const form = new FormData();
  // Servers tell the format by the name's ending.
  const name = `${media.kind}.${extensionOf(media.contentType)}`;
  form.set('file', new Blob([await readMedia(media)], { type: media.contentType }), name);
  form.set('model', model);
  form.set('response_format', 'json');
  const { text, usage } = await postForObject(call, '/audio/transcriptions', form, maxTranscriptBodyBytes);
  if (typeof text !== 'string') throw new ProviderError('the transcript is not text', true);
  const { seconds } = Object(usage);
  const isSaid = typeof seconds === 'number' && seconds >= 0;
  const soundMs = isSaid ? Math.round(seconds * 1_000) : estimatedSoundMs(media.sizeBytes);
  return { text: text.toWellFormed().trim(), soundMs };
}

/** Listens to one of them. Many videos have no sound, which servers answer with a refusal of the file: nothing is said in those. */
async function heard(call: Call, model: string, media: RequestMedia): Promise<Heard> {
  try {
    return await transcribe(call, model, media);
  } catch (error) {
    if (media.kind === 'video' && error instanceof HttpRefusal && unusableFile.has(error.status))
      return { text: '', soundMs: 0 };
    throw error;
  }
}

/** Listens to every sound and video that is not too large, if there is a model for it, one after the other. Throws ProviderError. */
export async function* listen(call: Call, request: ProviderRequest): AsyncGenerator<Generating | Usage, Transcripts> {
  const transcripts = new Map<RequestMedia, string>();
  const { transcriptionModel = '' } = call.settings;
  if (transcriptionModel === '') return transcripts;
  let soundInMs = 0;
  for (const media of request.media) {
    if (media.kind === 'image' || media.sizeBytes > maxTranscribedBytes) continue;
    yield { type: 'generating' };
    const { text, soundMs } = await heard(call, transcriptionModel, media);
    transcripts.set(media, text);
    soundInMs += soundMs;
    yield { type: 'usage', soundInMs };
  }
  return transcripts;
}
