import { type AttemptUsage, mediaOf, type Part, textOf } from '../../domain/conversation/events.ts';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** A length of time as a person says it: `230 ms`, `3.2 s`, `2 min 5 s`, `1 h 40 min`. */
export function timeInWords(ms: number): string {
  // The log's clock was set back meanwhile.
  if (ms < 0) return '0 ms';
  if (ms < second) return `${ms} ms`;
  if (ms < minute) return `${Math.floor(ms / 100) / 10} s`;
  if (ms < hour) return `${Math.floor(ms / minute)} min ${Math.floor((ms % minute) / second)} s`;
  return `${Math.floor(ms / hour)} h ${Math.floor((ms % hour) / minute)} min`;
}

/** What a message consists of, without a word of it: `text of 34 characters and voice (audio/ogg, 62,318 bytes)`. */
export function contentsInWords(parts: readonly Part[]): string {
  const characters = Array.from(textOf(parts)).length;
  const text = parts.some((part) => part.kind === 'text') ? [`text of ${counted(characters, 'character')}`] : [];
  const media = mediaOf(parts).map(
    ({ kind, contentType, sizeBytes }) => `${kind} (${contentType}, ${counted(sizeBytes, 'byte')})`,
  );
  return enumerated([...text, ...media]) || 'nothing';
}

/** `1 message`, `1,200 messages`. */
export function counted(count: number, what: string): string {
  const digits = String(count).replaceAll(/\B(?=(?:\d{3})+$)/g, ',');
  return `${digits} ${what}${count === 1 ? '' : 's'}`;
}

/** `a`, `a and b`, `a, b and c`. */
export function enumerated(items: readonly string[]): string {
  const last = items.at(-1) ?? '';
  return items.length < 2 ? last : `${items.slice(0, -1).join(', ')} and ${last}`;
}

/** What an attempt used: `attempt 2 failed and used 120 tokens in (80 from the cache), 34 tokens out, estimated`. */
export function usageInWords(usage: AttemptUsage): string {
  const { cachedInputTokens, reasoningTokens } = usage;
  const cached = cachedInputTokens > 0 ? ` (${counted(cachedInputTokens, 'token')} from the cache)` : '';
  const reasoning = reasoningTokens > 0 ? ` (${counted(reasoningTokens, 'token')} of reasoning)` : '';
  const used = [
    `${counted(usage.inputTokens, 'token')} in${cached}`,
    `${counted(usage.outputTokens, 'token')} out${reasoning}`,
    ...media(usage.soundInMs, usage.picturesIn, 'in'),
    ...media(usage.soundOutMs, usage.picturesOut, 'out'),
  ];
  const estimated = usage.estimated ? ', estimated' : '';
  const end = usage.end === 'lost' || usage.end === 'stopped' ? `was ${usage.end}` : usage.end;
  const cost =
    usage.cost && `; it cost ${counted(usage.cost.microUnits, 'micro-unit')} by price list ${usage.cost.priceVersion}`;
  return `attempt ${usage.attempt} ${end} and used ${used.join(', ')}${estimated}${cost ?? ''}`;
}

function media(soundMs: number, pictures: number, way: 'in' | 'out'): readonly string[] {
  const sound = soundMs > 0 ? [`${timeInWords(soundMs)} of sound ${way}`] : [];
  return pictures > 0 ? [...sound, `${counted(pictures, 'picture')} ${way}`] : sound;
}
