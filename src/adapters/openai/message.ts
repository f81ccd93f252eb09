import { mediaInWords } from '../../domain/media/in-words.ts';
import type { ProviderRequest, RequestMedia } from '../../ports/provider.ts';
import type { Content, PicturePart } from './context.ts';
import { maxShownBytes } from './limits.ts';
import { readMedia, type Transcripts } from './listening.ts';

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

/** Text for media that the model does not get: their transcript, or their kind in brackets. */
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
