import { describe, expect, test } from '@jest/globals';
import { allowedTypes, normalContentType } from '../../../../src/domain/media/formats.ts';
import { examined } from './media-check.ts';

const limits = { maxTextBytes: 100, maxInlineBytes: 10, maxMediaBytes: 3 * 1024 * 1024 };

function file(type: string, name?: string, sizeBytes = 1): Blob & { readonly name?: string } {
  return Object.assign(new Blob([new Uint8Array(sizeBytes)], { type }), name === undefined ? {} : { name });
}

describe('what somebody wants to send', () => {
  test('is taken when the server takes it, under the server’s name for its type', () => {
    for (const kind of ['voice', 'video', 'image'] as const) {
      for (const contentType of allowedTypes(kind)) {
        expect(examined(file(contentType), limits)).toMatchObject({ kind, contentType });
      }
    }
    for (const type of [
      'audio/webm;codecs=opus',
      'audio/x-wav',
      'audio/mp3',
      'video/x-m4v',
      'image/jpg',
      'audio/x-m4a',
    ]) {
      expect(examined(file(type), limits)).toMatchObject({ contentType: normalContentType(type) });
    }
  });

  test('is known by its name where the browser knows no type', () => {
    expect(examined(file('', 'Holiday.JPEG'), limits)).toMatchObject({
      kind: 'image',
      contentType: 'image/jpeg',
      name: 'Holiday.JPEG',
    });
    expect(examined(file('application/octet-stream', 'talk.m4a'), limits)).toMatchObject({ contentType: 'audio/mp4' });
  });

  test('is refused before it is sent', () => {
    expect(examined(file('application/pdf', 'a.pdf'), limits)).toMatchObject({
      reason: 'MEDIA_TYPE_UNSUPPORTED',
      title: 'Files like a.pdf are not taken.',
    });
    expect(examined(file('image/svg+xml', 'a.svg'), limits)).toMatchObject({ reason: 'MEDIA_TYPE_UNSUPPORTED' });
    expect(examined(file('image/png', 'a.png', 0), limits)).toMatchObject({
      reason: 'EMPTY_MESSAGE',
      title: 'This file is empty.',
    });
    expect(examined(file('image/png', 'a.png', 3 * 1024 * 1024 + 1), limits)).toMatchObject({
      reason: 'MEDIA_TOO_LARGE',
      title: 'This file has 3.1 MB; at most 3 MB are taken.',
    });
    expect(examined(file('image/png', 'a.png', 3 * 1024 * 1024), limits)).toMatchObject({ kind: 'image' });
  });
});
