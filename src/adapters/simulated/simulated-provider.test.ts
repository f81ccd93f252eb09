import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Clock } from '../../ports/clock.ts';
import {
  mediaIn,
  piecesOfReply,
  providerRequest,
  requestMedia,
  usedIn,
  wholeReply,
} from '../../ports/contracts/provider.contract.ts';
import type { ProviderRequest } from '../../ports/provider.ts';
import { assertProperty } from '../../testing/property.ts';
import { type SimulatedProviderSettings, simulatedMs, simulatedProvider } from './simulated-provider.ts';

/** A clock whose sleeps pass at once and are recorded. */
function virtualClock(): Clock & { readonly slept: number[]; pass(ms: number): void } {
  let nowMs = 0;
  const slept: number[] = [];
  return {
    slept,
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    pass: (ms) => {
      nowMs += ms;
    },
    sleep: async (ms) => {
      slept.push(ms);
      nowMs += ms;
    },
  };
}

function settings(overrides: Partial<SimulatedProviderSettings> = {}): SimulatedProviderSettings {
  return {
    textDelayMs: { min: 0, max: 0 },
    voiceDelayMs: { min: 0, max: 0 },
    videoDelayMs: { min: 0, max: 0 },
    pieces: 0,
    pieceIntervalMs: 0,
    seed: 3,
    clock: virtualClock(),
    ...overrides,
  };
}

async function say(
  overrides: Partial<ProviderRequest>,
  with_: Partial<SimulatedProviderSettings> = {},
): Promise<string> {
  return (await piecesOfReply(simulatedProvider(settings(with_)), providerRequest(overrides))).join('');
}

/** What is said to the text under many message ids. */
async function replies(overrides: Partial<ProviderRequest>, count = 200): Promise<readonly string[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => say({ ...overrides, messageId: `message-${i}` })));
}

describe('a limit', () => {
  test('ends a reply that is longer, and what was said before does not count', async () => {
    const provider = simulatedProvider(settings({ pieces: 4 }));
    const whole = (await piecesOfReply(provider, providerRequest())).join('');
    for (const begun of ['', whole.slice(0, 9)])
      for (const outputTokens of [1, 3, 1_000]) {
        const limits = { inputTokens: 1_000, outputTokens };
        const pieces = await wholeReply(provider, providerRequest({ begun, limits }));
        const text = pieces.filter((piece) => typeof piece === 'string').join('');
        const isWhole = outputTokens === 1_000;
        expect(whole.slice(begun.length).startsWith(text)).toBe(true);
        expect(text === whole.slice(begun.length)).toBe(isWhole);
        expect(usedIn(pieces).outputTokens).toBeLessThanOrEqual(outputTokens);
        if (!isWhole) expect(usedIn(pieces).outputTokens).toBe(outputTokens);
        expect(pieces.some((piece) => typeof piece !== 'string' && piece.type === 'truncated')).toBe(!isWhole);
      }
  });
});

describe('timing', () => {
  test('waits within the range before the first piece, differently for different messages', async () => {
    const clock = virtualClock();
    const provider = simulatedProvider(settings({ textDelayMs: { min: 200, max: 300 }, clock }));
    for (let i = 0; i < 200; i++) await piecesOfReply(provider, providerRequest({ messageId: `message-${i}` }));
    expect(clock.slept).toHaveLength(200);
    expect(Math.min(...clock.slept)).toBeGreaterThanOrEqual(200);
    expect(Math.max(...clock.slept)).toBeLessThanOrEqual(300);
    expect(Math.max(...clock.slept) - Math.min(...clock.slept)).toBeGreaterThan(80);
  });

  test.each([
    ['text', 100, 200],
    ['voice', 1_000, 2_000],
    ['video', 3_000, 4_000],
  ] as const)('of %s has its own range', async (replyKind, min, max) => {
    const clock = virtualClock();
    const provider = simulatedProvider(
      settings({
        clock,
        textDelayMs: { min: 100, max: 200 },
        voiceDelayMs: { min: 1_000, max: 2_000 },
        videoDelayMs: { min: 3_000, max: 4_000 },
      }),
    );
    for (let i = 0; i < 50; i++) await wholeReply(provider, providerRequest({ replyKind, messageId: `message-${i}` }));
    expect(clock.slept).toHaveLength(50);
    expect(Math.min(...clock.slept)).toBeGreaterThanOrEqual(min);
    expect(Math.max(...clock.slept)).toBeLessThanOrEqual(max);
  });

  test('makes no timer where nothing is to be waited for', async () => {
    const clock = virtualClock();
    await say({}, { clock, pieces: 20 });
    expect(clock.slept).toEqual([]);
  });

  test('sends the pieces at their interval', async () => {
    const clock = virtualClock();
    await say({}, { clock, pieces: 5, pieceIntervalMs: 10 });
    expect(clock.slept).toEqual([10, 10, 10, 10]);
  });

  test('a piece read late does not delay those after it', async () => {
    const clock = virtualClock();
    const provider = simulatedProvider(settings({ clock, pieces: 4, pieceIntervalMs: 10 }));
    let piece = 0;
    for await (const _ of provider.reply(providerRequest(), new AbortController().signal)) {
      if (piece++ === 0) clock.pass(14);
    }
    expect(clock.slept).toEqual([6, 10]);
  });
});

test.each(['text', 'voice', 'video'] as const)(
  'what is told of the waits of %s is what is waited',
  async (replyKind) => {
    const ranges = {
      textDelayMs: { min: 1, max: 9 },
      voiceDelayMs: { min: 10, max: 90 },
      videoDelayMs: { min: 1e3, max: 9e3 },
    };
    for (const pieces of [0, 1, 6]) {
      const clock = virtualClock();
      const paced = settings({ ...ranges, clock, pieces, pieceIntervalMs: 20 });
      const request = providerRequest({ replyKind, messageId: `message-${pieces}` });
      await piecesOfReply(simulatedProvider(paced), request);
      expect(clock.monotonicMs()).toBeCloseTo(simulatedMs(paced, 3, request));
    }
  },
);

describe('pieces', () => {
  test.each([1, 2, 8, 100, 1_000])('a reply in %d pieces has just that many', async (pieces) => {
    const provider = simulatedProvider(settings({ pieces }));
    expect(await piecesOfReply(provider, providerRequest())).toHaveLength(pieces);
  });

  test('0 pieces: the whole reply at once', async () => {
    expect(await piecesOfReply(simulatedProvider(settings()), providerRequest())).toHaveLength(1);
  });

  test('any text gets a reply of one to four sentences, in well-formed pieces', async () => {
    await assertProperty(
      fc.asyncProperty(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.lorem(),
          fc.string({ unit: 'grapheme', minLength: 20, maxLength: 3_000 }),
        ),
        fc.integer({ min: 0, max: 60 }),
        async (text, pieces) => {
          const whole = await say({ text }, { pieces: 0 });
          expect(whole.match(/[.!?](?= |$)/g)?.length ?? 0).toBeGreaterThanOrEqual(1);
          const parts = await piecesOfReply(simulatedProvider(settings({ pieces })), providerRequest({ text }));
          expect(parts.every((part) => part !== '' && part.isWellFormed())).toBe(true);
          expect(parts).toHaveLength(Math.max(pieces, 1));
          expect(parts.join('').startsWith(whole)).toBe(true);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe('determinism', () => {
  const texts = ['Hello', 'Why is it dark?', 'I like trains', 'Thanks!', 'Tell me a story about a fox'];

  test('equal calls get equal replies in any order', async () => {
    const provider = simulatedProvider(settings());
    const requests = texts.map((text, i) => providerRequest({ text, messageId: `message-${i}` }));
    const forwards = await Promise.all(requests.map((request) => piecesOfReply(provider, request)));
    const backwards = await Promise.all(requests.toReversed().map((request) => piecesOfReply(provider, request)));
    expect(backwards.toReversed()).toEqual(forwards);
  });

  test('delays too depend on seed and message only', async () => {
    const first = virtualClock();
    const second = virtualClock();
    const textDelayMs = { min: 0, max: 1_000 };
    await say({ messageId: 'other' }, { clock: second, textDelayMs });
    for (const clock of [first, second]) await say({}, { clock, textDelayMs });
    expect(second.slept.at(-1)).toBe(first.slept[0]);
  });

  test('another seed says other things', async () => {
    const one = await Promise.all(texts.map((text) => say({ text }, { seed: 1 })));
    const two = await Promise.all(texts.map((text) => say({ text }, { seed: 2 })));
    expect(two).not.toEqual(one);
  });

  test('two providers with a random seed do not agree on everything', async () => {
    const make = () => simulatedProvider(settings({ seed: 'random', pieces: 0 }));
    const both = await Promise.all(
      [make(), make()].map(async (provider) =>
        Promise.all(
          Array.from({ length: 40 }, (_, i) => piecesOfReply(provider, providerRequest({ messageId: `${i}` }))),
        ),
      ),
    );
    expect(both[0]).not.toEqual(both[1]);
  });
});

describe('what it says', () => {
  test('has dozens of answers to one and the same text', async () => {
    expect(new Set(await replies({ text: 'The garden is full of sparrows' })).size).toBeGreaterThan(36);
  });

  test('tells the client’s time, not the server’s', async () => {
    const timeMs = Date.UTC(2026, 2, 4, 7, 5);
    for (const reply of await replies({ text: 'What time is it?', timeZone: 'Asia/Kolkata', timeMs }))
      expect(reply).toContain('12:35');
  });

  test('tells the client’s day, which may be another one than elsewhere', async () => {
    const timeMs = Date.UTC(2026, 2, 4, 12, 0);
    const tellsDay = async (timeZone: string, day: string): Promise<void> => {
      for (const reply of await replies({ text: 'What day is it today?', timeZone, timeMs }, 20))
        expect(reply).toContain(day);
    };
    await tellsDay('Pacific/Kiritimati', 'Thursday, 5 March 2026');
    await tellsDay('Pacific/Pago_Pago', 'Wednesday, 4 March 2026');
  });

  test('names the client’s zone when asked', async () => {
    const all = await replies({ text: 'Which time zone am I in?', timeZone: 'America/Lima' });
    for (const reply of all) expect(reply).toContain('America/Lima');
  });

  test.each([
    [6, /morning/],
    [13, /afternoon/],
    [20, /evening/],
    [23, /late hour|night owl|nearly good morning/],
  ])('greets by the hour: %d o’clock', async (hour, words) => {
    const timeMs = Date.UTC(2026, 2, 4, hour, 0);
    for (const reply of await replies({ text: 'Hello!', timeZone: 'UTC', timeMs }, 40)) expect(reply).toMatch(words);
  });

  test('turns round what somebody says of themselves', async () => {
    for (const reply of await replies({ text: "I'm fond of my old bicycle" }))
      expect(reply).toContain('you are fond of your old bicycle');
  });

  test.each([
    ['How many words are there in this?', '7 words'],
    ['Count the words', '3 words'],
  ])('counts words: %s', async (text, count) => {
    const all = await replies({ text });
    expect(all.some((reply) => reply.includes(count))).toBe(true);
    for (const reply of all.filter((said) => /\d+ words?/.test(said))) expect(reply).toContain(count);
  });

  test('shows a code block and a table when asked', async () => {
    for (const reply of await replies({ text: 'Show me a code block and a table.' }, 20)) {
      expect(reply).toContain("\n\n```ts\nconst words: string[] = ['block'];\n");
      expect(reply).toMatch(
        /\n```\n\n\| Asked \| Where \| In \|\n\| --- \| --- \| ---: \|\n\| \*\*.*\*\* \| .* \| 8 words \|$/,
      );
    }
  });

  test('shows a diagram and a formula when asked', async () => {
    for (const reply of await replies({ text: 'Show me a diagram and a formula.' }, 20))
      expect(reply).toMatch(/\n\n\$\$.*\$\$\n\n```mermaid\nflowchart LR\n(?: .*\n)+```$/);
  });

  // Cause: behind a table it became a row of the table.
  test('repeats a person’s own instructions on a line of their own behind a table', async () => {
    for (const reply of await replies({ text: 'Show me a table.', instructions: 'Be brief' }, 20))
      expect(reply).toMatch(/\|\n\nYou want me to keep to this: “Be brief”$/);
    for (const reply of await replies({ text: 'Zanzibar', instructions: 'Be brief' }))
      expect(reply).not.toContain('\n');
  });

  test('takes up a word of what was said', async () => {
    const all = await replies({ text: 'Zanzibar' });
    expect(all.filter((reply) => reply.includes('“Zanzibar”')).length).toBeGreaterThan(all.length / 2);
  });

  test('a question mark makes a question of it', async () => {
    const onlyOfStatements = /Tell me more about|is worth a thought|Noted at/;
    expect((await replies({ text: 'Trains at midnight.' })).join('\n')).toMatch(onlyOfStatements);
    expect((await replies({ text: 'Trains at midnight?' })).join('\n')).not.toMatch(onlyOfStatements);
  });

  test('different texts get different replies', async () => {
    const texts = Array.from({ length: 50 }, (_, i) => `Tell me about lighthouse${i}`);
    expect(new Set(await Promise.all(texts.map((text) => say({ text })))).size).toBeGreaterThan(40);
  });

  test('leaves no place of a phrase unfilled', async () => {
    const texts = [
      'Hi',
      'Why?',
      'How?',
      'When?',
      'Where?',
      'Who?',
      '',
      '…',
      'I am sad',
      'My cat',
      'ok',
      'bye',
      'word '.repeat(80),
    ];
    for (const text of texts) for (const reply of await replies({ text })) expect(reply).not.toMatch(/[{}]|undefined/);
  });

  test('says no more than four sentences', async () => {
    for (const text of ['Hello', 'I am sad', 'Who are you?', 'word '.repeat(80), 'Is it far?']) {
      for (const reply of await replies({ text })) expect(reply.match(/[.!?](?= |$)/g)?.length).toBeLessThanOrEqual(4);
    }
  });
});

describe('what it says of media', () => {
  const media = (sizeBytes: number, kind: 'voice' | 'video' | 'image' = 'voice', contentType = 'audio/mpeg') =>
    requestMedia(kind, contentType, Buffer.alloc(sizeBytes));

  test('names kind, format and length of each, in their order', async () => {
    const sent = [media(62_345), media(5_300_000, 'video', 'video/webm'), media(12_000, 'image', 'image/jpeg')];
    for (const reply of await replies({ media: sent, replyKind: 'video', text: '' }, 40)) {
      expect(reply).toContain('a voice message, MP3, 62.3 kB; a video, WebM, 5.3 MB; a picture, JPEG, 12 kB');
    }
  });

  test.each([
    ['voice', media(10)],
    ['video', media(10, 'video', 'video/mp4')],
    ['text', media(10, 'image', 'image/png')],
  ] as const)('does not miss the words of a message that is only %s', async (replyKind, sent) => {
    const all = await replies({ media: [sent], replyKind, text: '' });
    expect(new Set(all).size).toBeGreaterThan(12);
    for (const reply of all) expect(reply).not.toMatch(/[{}]|undefined|without words|0 words/);
  });

  test('answers the words that came with them too', async () => {
    for (const reply of await replies({ media: [media(10)], replyKind: 'voice', text: 'What time is it?' }, 40))
      expect(reply).toMatch(/a voice message, MP3, 10 bytes.*08:05/);
  });

  test('is different for what is different', async () => {
    const lengths = Array.from({ length: 20 }, (_, i) => media(1_000 + 100 * i));
    const said = await Promise.all(lengths.map((sent) => say({ media: [sent], replyKind: 'voice', text: '' })));
    expect(new Set(said).size).toBe(20);
  });
});

describe('voice and picture', () => {
  async function made(replyKind: ProviderRequest['replyKind']) {
    return mediaIn(await wholeReply(simulatedProvider(settings()), providerRequest({ replyKind, text: '' })));
  }

  test('are a sound of about two seconds, of MP3 frames from end to end', async () => {
    const [voice] = await made('voice');
    expect(voice).toMatchObject({ kind: 'voice', contentType: 'audio/mpeg' });
    const frames = mp3Frames(voice?.bytes ?? Buffer.of());
    // Of 1152 samples each, at 44.1 kHz.
    expect((frames * 1_152) / 44_100).toBeGreaterThan(1.8);
    expect((frames * 1_152) / 44_100).toBeLessThan(2.5);
  });

  test('are a whole JPEG of 480 × 320', async () => {
    const [, picture] = await made('video');
    expect(picture).toMatchObject({ kind: 'image', contentType: 'image/jpeg' });
    const bytes = Buffer.from(picture?.bytes ?? []);
    expect(bytes.subarray(0, 3).toString('hex')).toBe('ffd8ff');
    expect(bytes.subarray(-2).toString('hex')).toBe('ffd9');
    const frameHeader = bytes.indexOf(Buffer.of(0xff, 0xc0));
    expect([bytes.readUInt16BE(frameHeader + 7), bytes.readUInt16BE(frameHeader + 5)]).toEqual([480, 320]);
  });

  test('are small, and the same bytes for everybody', async () => {
    const [first, second] = [await made('video'), await made('video')];
    expect(second[0]?.bytes).toBe(first[0]?.bytes);
    for (const { bytes } of first) expect(bytes.length).toBeLessThan(40_000);
  });
});

/** How many frames of MPEG-1 layer III, 44.1 kHz, the bytes are. Throws when they are anything else. */
function mp3Frames(bytes: Uint8Array): number {
  const kilobits = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
  let frames = 0;
  let at = 0;
  for (; at < bytes.length; frames += 1) {
    const [sync, version, rates = 0] = bytes.subarray(at, at + 3);
    if (sync !== 0xff || ((version ?? 0) & 0xfe) !== 0xfa || (rates & 0x0c) !== 0) throw new Error(`no frame at ${at}`);
    at += Math.floor((144_000 * (kilobits[rates >> 4] ?? 0)) / 44_100) + ((rates >> 1) & 1);
  }
  if (at !== bytes.length) throw new Error('the last frame is cut');
  return frames;
}

test.each<[string, Partial<SimulatedProviderSettings>]>([
  ['a range of voice that runs backwards', { voiceDelayMs: { min: 2, max: 1 } }],
  ['a range of video without end', { videoDelayMs: { min: 0, max: Number.POSITIVE_INFINITY } }],
  ['a range that runs backwards', { textDelayMs: { min: 2, max: 1 } }],
  ['a negative delay', { textDelayMs: { min: -1, max: 1 } }],
  ['half a piece', { pieces: 0.5 }],
  ['too many pieces', { pieces: 10_001 }],
  ['a negative interval', { pieceIntervalMs: -1 }],
  ['a seed that is no integer', { seed: Number.NaN }],
])('refuses %s', (_, overrides) => {
  expect(() => simulatedProvider(settings(overrides))).toThrow(RangeError);
});
