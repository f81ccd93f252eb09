import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Clock } from '../../ports/clock.ts';
import {
  estimatedSoundMs,
  estimatedTokens,
  type GeneratedMedia,
  type MessageToAnswer,
  noUnits,
  type Provider,
  ProviderError,
  type ProviderRequest,
  type ReplyKind,
  type ReplyPiece,
  type Usage,
  type UsageBounds,
} from '../../ports/provider.ts';
import { answer } from './answer.ts';
import { type Random, seededRandom } from './seeded-random.ts';

/** Evenly distributed between the two. */
interface DelayRangeMs {
  readonly min: number;
  readonly max: number;
}

export interface SimulatedProviderSettings {
  /** Wait before the first piece of a reply that is text alone, */
  readonly textDelayMs: DelayRangeMs;
  /** of one with a voice, */
  readonly voiceDelayMs: DelayRangeMs;
  /** and of one with voice and picture. */
  readonly videoDelayMs: DelayRangeMs;
  /** In how many pieces a reply comes; 0: whole, as one. A reply shorter than that many characters is made longer. */
  readonly pieces: number;
  /** From one piece to the next, by schedule: a late piece does not delay those after it. */
  readonly pieceIntervalMs: number;
  /** The same integer gives the same replies and delays for the same messages; `random` chooses one at start, and then no reply of another start is gone on with. */
  readonly seed: number | 'random';
  readonly clock: Clock;
}

type Thinking = Pick<SimulatedProviderSettings, 'textDelayMs' | 'voiceDelayMs' | 'videoDelayMs'>;
type Pacing = Thinking & Pick<SimulatedProviderSettings, 'pieces' | 'pieceIntervalMs'>;

/** A reply has at least so many characters, and is composed without a pause: this is some milliseconds' work. */
const maxPieces = 10_000;

const delayNames = { text: 'textDelayMs', voice: 'voiceDelayMs', video: 'videoDelayMs' } as const satisfies Record<
  ReplyKind,
  keyof SimulatedProviderSettings
>;

function check(settings: SimulatedProviderSettings): void {
  const { pieces, pieceIntervalMs, seed } = settings;
  for (const name of Object.values(delayNames)) {
    const { min, max } = settings[name];
    if (!(min >= 0 && min <= max && max < Infinity))
      throw new RangeError(`${name}: 0 ≤ min ≤ max expected, not ${min}–${max}`);
  }
  if (!Number.isInteger(pieces) || pieces < 0 || pieces > maxPieces)
    throw new RangeError(`pieces: 0–${maxPieces} expected, not ${pieces}`);
  if (!(pieceIntervalMs >= 0 && pieceIntervalMs < Infinity))
    throw new RangeError(`pieceIntervalMs: 0 or more expected, not ${pieceIntervalMs}`);
  if (seed !== 'random' && !Number.isSafeInteger(seed)) throw new RangeError(`seed: an integer expected, not ${seed}`);
}

/** Cuts between characters, never within one, into that many pieces of nearly equal length. */
function cut(text: string, pieces: number): readonly string[] {
  if (pieces <= 1) return [text];
  const chars = Array.from(text);
  const bound = (piece: number) => Math.floor((piece * chars.length) / pieces);
  return Array.from({ length: pieces }, (_, piece) => chars.slice(bound(piece), bound(piece + 1)).join(''));
}

function thinkingMs(settings: Thinking, replyKind: ReplyKind, random: Random): number {
  const { min, max } = settings[delayNames[replyKind]];
  return min + random() * (max - min);
}

/**
 * How long a reply takes of itself, in milliseconds, at any attempt: the wait before its first piece and the schedule of the others. What a
 * client waits beyond it is what carries the message and the reply.
 */
export function simulatedMs(
  settings: Pacing,
  seed: number,
  { messageId, text, replyKind }: Pick<ProviderRequest, 'messageId' | 'text' | 'replyKind'>,
): number {
  const gaps = Math.max(0, settings.pieces - 1);
  return thinkingMs(settings, replyKind, seededRandom(seed, messageId, text)) + gaps * settings.pieceIntervalMs;
}

/** Where there is nothing to wait for, no timer is made: a load test of the rest must not measure timers. */
async function* reply(
  settings: SimulatedProviderSettings,
  seed: number,
  request: ProviderRequest,
  signal: AbortSignal,
): AsyncIterable<ReplyPiece> {
  signal.throwIfAborted();
  const { pieces, pieceIntervalMs, clock } = settings;
  const random = seededRandom(seed, request.messageId, request.text);
  const delayMs = thinkingMs(settings, request.replyKind, random);
  if (delayMs > 0) await clock.sleep(delayMs, signal);
  let dueMs = pieceIntervalMs > 0 ? clock.monotonicMs() : 0;
  let begunUnits = request.begun.length;
  const { text: whole, isCut } = within(request, answer(request, random, pieces));
  for (const piece of cut(whole, pieces)) {
    const fresh = piece.slice(begunUnits);
    begunUnits = Math.max(0, begunUnits - piece.length);
    if (fresh === '') continue;
    const waitMs = pieceIntervalMs > 0 ? dueMs - clock.monotonicMs() : 0;
    if (waitMs > 0) await clock.sleep(waitMs, signal);
    signal.throwIfAborted();
    yield fresh;
    dueMs += pieceIntervalMs;
  }
  if (isCut) yield { type: 'truncated' };
  for (const sample of samplesOf[request.replyKind]) {
    yield { type: 'generating' };
    const media = await mediaOf(sample);
    signal.throwIfAborted();
    yield media;
  }
  yield usedBy(request, whole);
}

/** The reply as far as the limit allows, the beginning that was said before not counted. */
function within({ begun, limits }: ProviderRequest, whole: string): { readonly text: string; readonly isCut: boolean } {
  const tokens = estimatedTokens(Buffer.byteLength(whole.slice(begun.length)));
  if (limits === undefined || tokens <= limits.outputTokens) return { text: whole, isCut: false };
  const rest = Array.from(whole.slice(begun.length));
  let end = 0;
  for (let bytes = 0; end < rest.length; end += 1) {
    bytes += Buffer.byteLength(rest[end] ?? '');
    if (estimatedTokens(bytes) > limits.outputTokens) break;
  }
  return { text: begun + rest.slice(0, end).join(''), isCut: true };
}

/** As its own word, not as an estimate: equal requests use the same. */
function usedBy(request: ProviderRequest, reply: string): Usage {
  const outputTokens = estimatedTokens(Buffer.byteLength(reply.slice(request.begun.length)));
  return { type: 'usage', ...mediaUsage(request), inputTokens: inputTokensOf(request), outputTokens };
}

function mediaUsage({ media, replyKind }: MessageToAnswer) {
  const samples = samplesOf[replyKind];
  return {
    soundInMs: media.reduce(
      (sum, { kind, sizeBytes }) => sum + (kind === 'image' ? 0 : estimatedSoundMs(sizeBytes)),
      0,
    ),
    soundOutMs: samples.includes(chime) ? chimeMs : 0,
    picturesIn: media.filter(({ kind }) => kind === 'image').length,
    picturesOut: samples.includes(landscape) ? 1 : 0,
  };
}

function inputTokensOf({ text, instructions, begun = '' }: MessageToAnswer): number {
  return estimatedTokens(Buffer.byteLength(text) + Buffer.byteLength(instructions) + Buffer.byteLength(begun));
}

/** Where a budget limits it, a reply gets so many tokens at least and at most. */
const shortReplyTokens = 16;
const longReplyTokens = 1_000;

/** It never sends anything of the conversation, so both have the same input. */
function boundsOf(message: MessageToAnswer): UsageBounds {
  const input = { ...noUnits, ...mediaUsage(message), inputTokens: inputTokensOf(message) };
  return { least: { ...input, outputTokens: shortReplyTokens }, most: { ...input, outputTokens: longReplyTokens } };
}

/**
 * An offline model: its replies depend only on the message, the client's local time and the seed, so equal calls get equal replies in any order. Its
 * voice is always the same chime, its picture the same landscape. Throws RangeError for invalid settings.
 */
export function simulatedProvider(settings: SimulatedProviderSettings): Provider {
  check(settings);
  const seed = settings.seed === 'random' ? randomInt(2 ** 32) : settings.seed;
  return {
    estimatedInputTokens: inputTokensOf,
    bounds: boundsOf,
    name: 'simulated',
    model: 'simulated',
    usesHistory: false,
    continues: settings.seed !== 'random',
    reply: (request, signal) => reply(settings, seed, request, signal),
  };
}

/**
 * A sound or a picture that is bundled with the code. These, and those in src/testing/samples, are the project's own: a program synthesized a chime and a
 * landscape and encoded them with wasm-media-encoders, jpeg-js and h264-mp4-encoder (src/tooling/make-samples.ts of commit 04799cb, which gives the same
 * bytes again).
 */
interface Sample extends Omit<GeneratedMedia, 'type' | 'bytes'> {
  readonly file: string;
}

/** How long the chime is, in milliseconds. */
const chimeMs = 2_250;
const chime: Sample = { kind: 'voice', contentType: 'audio/mpeg', file: 'voice.mp3' };
const landscape: Sample = { kind: 'image', contentType: 'image/jpeg', file: 'picture.jpg' };

/** What belongs to each sort of reply behind its text. */
const samplesOf: Readonly<Record<ReplyKind, readonly Sample[]>> = {
  text: [],
  voice: [chime],
  video: [chime, landscape],
};

/** Each is read once, when it is first wanted. */
const bytesOf = new Map<string, Uint8Array>();

async function bytesIn(file: string): Promise<Uint8Array> {
  const known = bytesOf.get(file);
  if (known !== undefined) return known;
  const bytes = await readFile(new URL(`samples/${file}`, import.meta.url));
  bytesOf.set(file, bytes);
  return bytes;
}

/** The sample as a piece of a reply. Rejects with ProviderError when its file cannot be read. */
async function mediaOf({ file, ...sample }: Sample): Promise<GeneratedMedia> {
  try {
    return { type: 'media', ...sample, bytes: await bytesIn(file) };
  } catch (cause) {
    throw new ProviderError(`the sample ${file} cannot be read`, false, undefined, { cause });
  }
}
