import { describe, expect, test } from '@jest/globals';
import type { Load } from './load.ts';
import { MediaFiles, type MediaKind, shortestBytes } from './media-files.ts';
import { seededRandom } from './random.ts';
import { type Saying, Sayings, takesUpOther, textOf } from './sayings.ts';

const mix: Load['mix'] = {
  text: { share: 3, bytes: { min: 40, max: 50 }, by: 'message' },
  voice: { share: 1, bytes: { min: 60_000, max: 62_000 }, by: 'upload' },
  image: { share: 0, bytes: { min: 1, max: 1 }, by: 'message' },
};

function say(seed: number, count: number): Saying[] {
  const sayings = new Sayings(mix, 'ab12-3', seededRandom(seed));
  return Array.from({ length: count }, (_, number) => sayings.next(number));
}

describe('what is said', () => {
  test('is the same for a seed, in the shares and the lengths of the mix, each text once', () => {
    const all = say(1, 2_000);
    expect(all).toEqual(say(1, 2_000));
    const texts = all.filter(({ kind }) => kind === 'text');
    expect(texts.length / all.length).toBeCloseTo(0.75, 1);
    expect(new Set(texts.map(({ text }) => text)).size).toBe(texts.length);
    const isInOrder = ({ kind, bytes, text, by }: Saying) =>
      kind === 'text'
        ? bytes >= 40 && bytes <= 50 && text.length === bytes && by === 'message'
        : kind === 'voice' && bytes >= 60_000 && bytes <= 62_000 && text === '' && by === 'upload';
    expect(all.filter((saying) => !isInOrder(saying))).toEqual([]);
  });

  test('is as long as its mark at least, and as long as wanted at most', () => {
    expect(textOf('load-ab12-3-7', 5)).toBe('load-ab12-3-7');
    expect(textOf('load-ab12-3-7', 5_000)).toHaveLength(5_000);
  });

  test('cannot be nothing', () => {
    expect(() => new Sayings({}, 'a-b', seededRandom(1))).toThrow('nothing to say');
  });
});

test.each([
  ['its own mark', 'You mention “load-ab12-3-7”.', false],
  ['its own mark in capitals', 'LOAD-AB12-3-7, then.', false],
  ['no mark', 'I carried a load-bearing wall.', false],
  ['its own mark and an earlier one', 'First load-ab12-3-6, now load-ab12-3-7.', false],
  ['an earlier mark alone', '“load-ab12-3-6”, then.', true],
  ["another client's mark", 'Tell me about load-ab12-4-7.', true],
  ["its own and another client's", 'load-ab12-3-7 and load-ab12-4-7', true],
])('a reply with %s takes up others: %#', (_, reply, expected) => {
  expect(takesUpOther(reply, 'ab12-3', textOf('load-ab12-3-7', 60))).toBe(expected);
});

test('a reply to media takes up others when it has any mark', () => {
  expect(takesUpOther('I have received a video.', 'ab12-3', '')).toBe(false);
  expect(takesUpOther('“load-ab12-3-7”', 'ab12-3', '')).toBe(true);
});

describe.each<MediaKind>(['voice', 'video', 'image'])('a %s', (kind) => {
  test('is as long as wanted, whatever was said before, and never shorter than the sample', () => {
    const media = new MediaFiles();
    const lengths = [143_000, 62_000, 200_000, shortestBytes(kind), shortestBytes(kind) + 1];
    for (const length of lengths) expect(media.file(kind, length).bytes).toHaveLength(length);
    expect(media.file(kind, 1).bytes).toHaveLength(shortestBytes(kind));
    expect(media.sha256(kind, 62_000)).toBe(new MediaFiles().sha256(kind, 62_000));
    expect(media.sha256(kind, 62_000)).not.toBe(media.sha256(kind, 62_001));
  });
});

test('a video of any length is a row of whole boxes', () => {
  for (const length of [shortestBytes('video'), 143_000]) {
    const { bytes } = new MediaFiles().file('video', length);
    const types: string[] = [];
    let at = 0;
    while (at < bytes.length) {
      const boxBytes = bytes.readUInt32BE(at);
      types.push(bytes.toString('latin1', at + 4, at + 8));
      // 0: to the end of the file.
      at += boxBytes === 0 ? bytes.length - at : boxBytes;
    }
    expect(at).toBe(bytes.length);
    expect(types).toEqual(expect.arrayContaining(['ftyp', 'moov', 'free']));
    expect(types.at(-1)).toBe('free');
  }
});
