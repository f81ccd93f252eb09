import { expect, test } from '@jest/globals';
import { mediaInWords, sizeInWords } from './in-words.ts';

test.each([
  [0, '0 bytes'],
  [1, '1 byte'],
  [999, '999 bytes'],
  [1_000, '1 kB'],
  [62_345, '62.3 kB'],
  [999_499, '999 kB'],
  [999_500, '1 MB'],
  [104_857_600, '105 MB'],
  [5_300_000_000, '5.3 GB'],
])('%d bytes are %s', (sizeBytes, words) => {
  expect(sizeInWords(sizeBytes)).toBe(words);
});

test.each([
  ['voice', 'audio/mpeg', 'a voice message, MP3, 12 kB'],
  ['voice', 'audio/webm', 'a voice message, WebM, 12 kB'],
  ['voice', 'audio/mp4', 'a voice message, M4A, 12 kB'],
  ['video', 'video/mp4', 'a video, MP4, 12 kB'],
  ['image', 'image/jpeg', 'a picture, JPEG, 12 kB'],
  ['image', 'image/tiff', 'a picture, image/tiff, 12 kB'],
] as const)('%s of %s', (kind, contentType, words) => {
  expect(mediaInWords({ kind, contentType, sizeBytes: 12_000 })).toBe(words);
});
