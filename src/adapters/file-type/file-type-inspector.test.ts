import { describe, expect, test } from '@jest/globals';
import { isAllowed } from '../../domain/media/formats.ts';
import { seededRandom, testSeeds } from '../../testing/random.ts';
import { fileTypeInspector } from './file-type-inspector.ts';
import { samples } from './testing/samples.ts';

const contentTypes = (head: Uint8Array) => fileTypeInspector.contentTypes(head);

describe('the first bytes', () => {
  test.each(samples)('of %s', async (_format, head, types) => {
    expect(await contentTypes(head)).toEqual(types);
  });

  test('beyond those wanted change nothing', async () => {
    for (const [, head, types] of samples) {
      const longer = new Uint8Array(fileTypeInspector.headBytes + 10_000).fill(0x41);
      longer.set(head.subarray(0, fileTypeInspector.headBytes));
      const cut = await contentTypes(longer.subarray(0, fileTypeInspector.headBytes));
      expect(await contentTypes(longer)).toEqual(cut);
      if (types.length > 0) expect(cut).toEqual(types);
    }
  });

  test('of a ZIP file, whatever is in it, are of no media', async () => {
    const entry = Buffer.concat([
      Buffer.from('PK\x03\x04\x14\0\0\0\0\0', 'latin1'),
      new Uint8Array(16),
      Uint8Array.of(5, 0, 0, 0),
      Buffer.from('a.txt'),
    ]);
    for (const type of await contentTypes(entry))
      for (const kind of ['voice', 'video', 'image'] as const) expect(isAllowed(kind, type)).toBe(false);
  });

  test('of every format that is taken are told, and of no other', async () => {
    const told = new Set((await Promise.all(samples.map(([, head]) => contentTypes(head)))).flat());
    const kinds = ['voice', 'video', 'image'] as const;
    expect([...told].filter((type) => kinds.some((kind) => isAllowed(kind, type))).sort()).toEqual([
      'audio/mp4',
      'audio/mpeg',
      'audio/ogg',
      'audio/wav',
      'audio/webm',
      'image/gif',
      'image/jpeg',
      'image/png',
      'image/webp',
      'video/mp4',
      'video/webm',
    ]);
  });
});

const hostileHeads = 5_000 / testSeeds.length;

test.each(testSeeds)(
  `${hostileHeads} heads that are random, cut or changed are told something of, in no time (TEST_SEED=%i)`,
  async (seed) => {
    const random = seededRandom(seed);
    const below = (count: number) => Math.floor(random() * count);
    const hostile = (): Uint8Array => {
      const [, sample] = samples[below(samples.length)] ?? ['', new Uint8Array()];
      const head =
        random() < 0.2 ? new Uint8Array(below(5_000)) : Uint8Array.from(sample.subarray(0, below(sample.length + 1)));
      const changes = random() < 0.2 ? head.length : below(8);
      for (let count = 0; count < changes && head.length > 0; count += 1) head[below(head.length)] = below(256);
      return head;
    };
    let slowestMs = 0;
    for (let count = 0; count < hostileHeads; count += 1) {
      const begunMs = performance.now();
      const types = await contentTypes(hostile());
      slowestMs = Math.max(slowestMs, performance.now() - begunMs);
      for (const type of types) expect(type).toMatch(/^[a-z]+\/[\w.+-]+$/i);
    }
    expect(slowestMs).toBeLessThan(5_000);
  },
);
