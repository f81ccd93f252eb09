import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Clock } from '../../../ports/clock.ts';
import { piecesOfReply, providerRequest } from '../../../ports/contracts/provider.contract.ts';
import type { ProviderRequest } from '../../../ports/provider.ts';
import { type SimulatedProviderSettings, simulatedProvider } from './simulated-provider.ts';

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

describe('pieces', () => {
  test.each([1, 2, 8, 100, 1_000])('a reply in %d pieces has just that many', async (pieces) => {
    const provider = simulatedProvider(settings({ pieces }));
    expect(await piecesOfReply(provider, providerRequest())).toHaveLength(pieces);
  });

  test('0 pieces: the whole reply at once', async () => {
    expect(await piecesOfReply(simulatedProvider(settings()), providerRequest())).toHaveLength(1);
  });

  test('any text gets a reply of one to four sentences, in well-formed pieces', async () => {
    await fc.assert(
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

test.each<[string, Partial<SimulatedProviderSettings>]>([
  ['a range that runs backwards', { textDelayMs: { min: 2, max: 1 } }],
  ['a negative delay', { textDelayMs: { min: -1, max: 1 } }],
  ['half a piece', { pieces: 0.5 }],
  ['too many pieces', { pieces: 10_001 }],
  ['a negative interval', { pieceIntervalMs: -1 }],
  ['a seed that is no integer', { seed: Number.NaN }],
])('refuses %s', (_, overrides) => {
  expect(() => simulatedProvider(settings(overrides))).toThrow(RangeError);
});
