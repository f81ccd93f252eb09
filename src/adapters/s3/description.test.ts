import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { MediaObject } from '../../ports/media-store.ts';
import { assertProperty } from '../../testing/property.ts';
import { checksumOf, describedBy, metadataOf, metadataOfStored } from './description.ts';

const object: MediaObject = {
  mediaId: '20261122-a',
  ownerId: 'ann',
  kind: 'voice',
  contentType: 'audio/mpeg',
  sizeBytes: 5,
  sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
};
const LastModified = new Date('2026-11-22T10:00:00Z');

function head(metadata: Record<string, string | undefined>, more: object = {}) {
  const Metadata = metadata as Record<string, string>;
  return { $metadata: {}, Metadata, ContentType: 'audio/mpeg', ContentLength: 5, LastModified, ...more };
}

test('whatever its owner is called, an object is described by metadata that headers can hold, and known again by them', () => {
  const owner = fc.string({ unit: 'grapheme', maxLength: 128 }).filter((text) => text.isWellFormed());
  assertProperty(
    fc.property(owner, fc.integer({ min: 1, max: 2 ** 40 }), fc.nat(), (ownerId, sizeBytes, createTimeMs) => {
      const one = { ...object, ownerId, sizeBytes };
      const metadata = metadataOf(one);
      for (const value of Object.values(metadata)) expect(value).toMatch(/^[\x21-\x7e]*$/);
      const created = { ...one, createTimeMs: LastModified.getTime() };
      expect(describedBy('20261122-a', head(metadata, { ContentLength: sizeBytes }))).toEqual(created);
      const stored = { ...one, createTimeMs };
      expect(describedBy('20261122-a', head(metadataOfStored(stored), { ContentLength: sizeBytes }))).toEqual(stored);
    }),
  );
});

test('the longest owner fits into the 2 KiB that S3 takes', () => {
  const ownerId = '値'.repeat(128);
  const text = Object.entries(metadataOfStored({ ...object, ownerId, createTimeMs: 1_700_000_000_000 }))
    .flat()
    .join('');
  expect(text.length).toBeLessThan(2_048);
});

test.each([
  ['another length than it says', {}, { ContentLength: 6 }],
  ['no length', {}, { ContentLength: undefined }],
  ['no owner', { owner: undefined }, {}],
  ['an owner that cannot be read', { owner: '%' }, {}],
  ['no kind', { kind: undefined }, {}],
  ['a kind that is none', { kind: 'smell' }, {}],
  ['no size', { size: undefined }, {}],
  ['no hash', { sha256: undefined }, {}],
  ['half a hash', { sha256: object.sha256.slice(1) }, {}],
  ['no type', {}, { ContentType: undefined }],
  ['a type with parameters', {}, { ContentType: 'audio/mpeg; x=y' }],
  ['a time that is none', { created: 'now' }, {}],
  ['no time', {}, { LastModified: undefined }],
])('what has %s is nothing of ours', (_what, metadata, more) => {
  expect(describedBy('20261122-a', head({ ...metadataOf(object), ...metadata }, more))).toBeUndefined();
});

test('what has no metadata at all, or a key that is no id, is nothing of ours', () => {
  expect(describedBy('20261122-a', { ...head({}), Metadata: undefined })).toBeUndefined();
  expect(describedBy('../a', head(metadataOf(object)))).toBeUndefined();
});

test('a hash is told to S3 in base64', () => {
  expect(checksumOf(object)).toBe('LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=');
});
