import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { MediaObject } from '../../ports/media-store.ts';
import { assertProperty } from '../../testing/property.ts';
import { parseTarget, SignedUrls } from './signed-urls.ts';

const key = new Uint8Array(32).fill(7);
const urls = new SignedUrls(key, 'parley');
const object: MediaObject = {
  mediaId: '20261122-x',
  ownerId: 'ann',
  kind: 'voice',
  contentType: 'audio/mpeg',
  sizeBytes: 5,
  sha256: 'a'.repeat(64),
};

function targetOf(url: string) {
  const target = parseTarget(url);
  if (target === undefined) throw new Error(`${url} is no target`);
  return target;
}

test('a URL says again what it was made of, whoever the owner is', () => {
  assertProperty(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 128 }), fc.nat(), (ownerId, expireTimeMs) => {
      const own = { ...object, ownerId };
      expect(urls.uploadPermit(targetOf(urls.upload(own, expireTimeMs)))).toEqual({ object: own, expireTimeMs });
    }),
  );
  expect(urls.downloadPermit(targetOf(urls.download(object, 12.9)))).toEqual({
    mediaId: object.mediaId,
    expireTimeMs: 12,
  });
});

test('a URL of another key, of another deployment in the same folder, or for another method is none of ours', () => {
  for (const other of [new SignedUrls(key, 'other'), new SignedUrls(new Uint8Array(32), 'parley')]) {
    expect(other.uploadPermit(targetOf(urls.upload(object, 9)))).toBeUndefined();
    expect(other.downloadPermit(targetOf(urls.download(object, 9)))).toBeUndefined();
  }
  expect(urls.downloadPermit(targetOf(urls.upload(object, 9)))).toBeUndefined();
  expect(urls.uploadPermit(targetOf(urls.download(object, 9)))).toBeUndefined();
});

test('fields do not run into each other', () => {
  const upload = urls.upload({ ...object, ownerId: 'ann","voice' }, 9);
  expect(urls.uploadPermit(targetOf(upload.replace('kind=voice', 'kind=')))).toBeUndefined();
  const query = new URLSearchParams(urls.upload({ ...object, ownerId: 'a' }, 9).split('?')[1]);
  query.set('owner', 'av');
  query.set('kind', 'oice');
  expect(urls.uploadPermit({ mediaId: object.mediaId, query: String(query) })).toBeUndefined();
});

test('a URL with any of its characters changed is none of ours', () => {
  for (const url of [urls.upload(object, 1_234), urls.download(object, 1_234)]) {
    const from = '/media/'.length;
    for (let at = from; at < url.length; at += 1) {
      const changed = `${url.slice(0, at)}${url[at] === 'b' ? 'c' : 'b'}${url.slice(at + 1)}`;
      const target = parseTarget(changed);
      if (target === undefined) continue;
      expect([changed, urls.uploadPermit(target), urls.downloadPermit(target)]).toEqual([
        changed,
        undefined,
        undefined,
      ]);
    }
  }
});

test.each([
  ['no id', '/media/'],
  ['an id that is none', '/media/x?a=b'],
  ['more after the id', '/media/20261122-x/y'],
  ['a way out and back', '/media/../media/20261122-x'],
  ['an id in octets', '/media/%32%30261122-x'],
  ['two slashes', '//media/20261122-x'],
  ['a whole URL', 'http://host/media/20261122-x'],
  ['a fragment', '/media/20261122-x#y'],
  ['too much', `/media/20261122-x?${'a'.repeat(4_096)}`],
  ['an asterisk', '*'],
  ['nothing', ''],
])('%s is no path of ours', (_what, url) => {
  expect(parseTarget(url)).toBeUndefined();
});
