import { describe, expect, test } from '@jest/globals';
import type { MediaKind, Part } from '../conversation/events.ts';
import { allowedTypes, extensionOf, isAllowed, normalContentType, replyKindOf } from './formats.ts';

const kinds: readonly MediaKind[] = ['voice', 'video', 'image'];

describe('a media type', () => {
  test.each([
    ['audio/mpeg', 'audio/mpeg'],
    ['Audio/MP3', 'audio/mpeg'],
    ['audio/ogg; codecs=opus', 'audio/ogg'],
    ['audio/x-wav', 'audio/wav'],
    ['audio/x-m4a', 'audio/mp4'],
    [' image/jpg ;q=1', 'image/jpeg'],
    ['video/webm;codecs="vp9,opus"', 'video/webm'],
    ['text/html', 'text/html'],
    ['', ''],
    [';', ''],
  ])('%j is %j', (told, normal) => {
    expect(normalContentType(told)).toBe(normal);
  });

  test('is taken for the kinds that the contract names it for, and no other', () => {
    expect(Object.fromEntries(kinds.map((kind) => [kind, allowedTypes(kind)]))).toEqual({
      voice: ['audio/mpeg', 'audio/wav', 'audio/ogg', 'audio/webm', 'audio/mp4'],
      video: ['video/mp4', 'video/webm'],
      image: ['image/jpeg', 'image/png', 'image/webp', 'image/gif'],
    });
    const all = kinds.flatMap(allowedTypes);
    for (const kind of kinds) {
      expect(all.filter((type) => isAllowed(kind, type))).toEqual(allowedTypes(kind));
      for (const never of ['', 'text/html', 'image/svg+xml', 'application/pdf', 'constructor', '__proto__'])
        expect(isAllowed(kind, never)).toBe(false);
    }
  });

  test('has its normal name already, and an extension', () => {
    for (const type of kinds.flatMap(allowedTypes)) {
      expect(normalContentType(type)).toBe(type);
      expect(extensionOf(type)).toMatch(/^[a-z0-9]{3,4}$/);
      expect(extensionOf(type)).not.toBe('bin');
    }
    expect(extensionOf('text/html')).toBe('bin');
  });
});

describe('the reply', () => {
  const part = (kind: MediaKind): Part => ({ kind, mediaId: 'm', contentType: '', sizeBytes: 1, sha256: '' });
  const text: Part = { kind: 'text', text: 'Hello' };

  test.each([
    ['a text', [text], 'text'],
    ['nothing (its words were taken out)', [], 'text'],
    ['a picture', [part('image')], 'text'],
    ['a picture and a voice', [part('image'), part('voice'), text], 'voice'],
    ['a voice and a video', [part('voice'), part('video')], 'video'],
    ['a video and a voice', [part('video'), part('voice')], 'video'],
  ] as const)('to %s', (_what, parts, kind) => {
    expect(replyKindOf(parts)).toBe(kind);
  });
});
