import type { Limits, Refusal } from './app.ts';
import { refusal } from './refusals.ts';
import type { MediaKind } from './shown-parts.ts';

/** What the contract takes, by IANA media type, and how files of it are named. */
const formats: Readonly<Record<MediaKind, Readonly<Record<string, readonly string[]>>>> = {
  voice: {
    'audio/mpeg': ['mp3'],
    'audio/wav': ['wav'],
    'audio/ogg': ['ogg', 'oga', 'opus'],
    'audio/webm': [],
    'audio/mp4': ['m4a'],
  },
  video: { 'video/mp4': ['mp4', 'm4v'], 'video/webm': ['webm'] },
  image: { 'image/jpeg': ['jpg', 'jpeg'], 'image/png': ['png'], 'image/webp': ['webp'], 'image/gif': ['gif'] },
};

/** Other names that browsers have for the same. */
const aliases: Readonly<Record<string, string>> = {
  'audio/mp3': 'audio/mpeg',
  'audio/wave': 'audio/wav',
  'audio/x-wav': 'audio/wav',
  'audio/vnd.wave': 'audio/wav',
  'audio/opus': 'audio/ogg',
  'application/ogg': 'audio/ogg',
  'audio/m4a': 'audio/mp4',
  'audio/x-m4a': 'audio/mp4',
  'video/x-m4v': 'video/mp4',
  'image/jpg': 'image/jpeg',
};

export interface Examined {
  readonly kind: MediaKind;
  readonly name: string;
  readonly fileName: string;
  readonly contentType: string;
  readonly sizeBytes: number;
}

/** Looks at what somebody wants to send: what it is, or why the server would not take it. @param limits undefined: not told yet */
export function examined(file: Blob & { readonly name?: string }, limits: Limits | undefined): Examined | Refusal {
  const { name = '', size: sizeBytes } = file;
  const known = byType(file.type) ?? byEnding(name);
  if (known === undefined) {
    const told = refusal('MEDIA_TYPE_UNSUPPORTED');
    return name === '' ? told : { ...told, title: `Files like ${name} are not taken.` };
  }
  if (sizeBytes === 0)
    return { ...refusal('EMPTY_MESSAGE'), title: 'This file is empty.', advice: 'Choose another one.' };
  const maxBytes = limits === undefined ? Infinity : Math.max(limits.maxMediaBytes, limits.maxInlineBytes);
  if (sizeBytes > maxBytes) return tooLarge(sizeBytes, maxBytes);
  return { ...known, name: name === '' ? known.kind : name, fileName: name, sizeBytes };
}

/** Told with both sizes. */
export function tooLarge(sizeBytes: number, maxBytes: number): Refusal {
  const told = refusal('MEDIA_TOO_LARGE');
  return {
    ...told,
    title: `This file has ${megabytes(sizeBytes, Math.ceil)}; at most ${megabytes(maxBytes, Math.floor)} are taken.`,
  };
}

function megabytes(bytes: number, round: (tenths: number) => number): string {
  return `${round((bytes / 1024 / 1024) * 10) / 10} MB`;
}

function byType(type: string): Pick<Examined, 'kind' | 'contentType'> | undefined {
  const plain = (type.split(';', 1)[0] ?? '').trim().toLowerCase();
  const contentType = aliases[plain] ?? plain;
  return find((name) => name === contentType);
}

function byEnding(name: string): Pick<Examined, 'kind' | 'contentType'> | undefined {
  const ending = /\.([^.]+)$/.exec(name)?.[1]?.toLowerCase() ?? '';
  return find((_, endings) => endings.includes(ending));
}

function find(
  is: (contentType: string, endings: readonly string[]) => boolean,
): Pick<Examined, 'kind' | 'contentType'> | undefined {
  for (const kind of ['voice', 'video', 'image'] as const) {
    for (const [contentType, endings] of Object.entries(formats[kind])) {
      if (is(contentType, endings)) return { kind, contentType };
    }
  }
  return undefined;
}
