import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { chunkData } from '../../testing/openai-test-answers.ts';
import { assertProperty } from '../../testing/property.ts';
import { piecesOf } from './chat-stream.ts';

/** The bytes of a reply, each piece an event, with this end of line. */
function streamOf(pieces: readonly string[], newline: string): Uint8Array {
  const events = [...pieces.map(chunkData), '[DONE]'].map((data) => `data: ${data}${newline}${newline}`);
  return Buffer.from(events.join(''));
}

/** The bytes, cut at those places. */
async function* cutAt(bytes: Uint8Array, places: readonly number[]): AsyncIterable<Uint8Array> {
  const bounds = [0, ...places.map((place) => place % bytes.length).toSorted((a, b) => a - b), bytes.length];
  for (const [index, from] of bounds.slice(0, -1).entries()) yield bytes.subarray(from, bounds[index + 1]);
}

async function collected<T>(pieces: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const piece of pieces) all.push(piece);
  return all;
}

test('the reply is the same wherever the network cuts its bytes, within characters and line ends too', async () => {
  const piece = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 });
  await assertProperty(
    fc.asyncProperty(
      fc.array(piece, { minLength: 1, maxLength: 12 }),
      fc.constantFrom('\n', '\r\n'),
      fc.array(fc.nat(), { maxLength: 40 }),
      async (pieces, newline, places) => {
        const readOf = (said: readonly string[]) => collected(piecesOf(cutAt(streamOf(said, newline), places), false));
        // White space at the beginning waits for what follows: it may come before a thought.
        const texts = (await readOf(pieces)).filter((piece) => typeof piece === 'string');
        expect(texts.join('')).toBe(pieces.join(''));
        expect(await readOf(['A', ...pieces])).toEqual(['A', ...pieces]);
      },
    ),
    { numRuns: 2_000 },
  );
});

test('a character whose halves come in two events is put together', async () => {
  const [high, low] = '🚂'.split('') as [string, string];
  const bytes = Buffer.from(
    [`A${high}`, `${low}B`, high].map((half) => `data: ${chunkData(half)}\n\n`).join('') + 'data: [DONE]\n\n',
  );
  expect(await collected(piecesOf(cutAt(bytes, []), false))).toEqual(['A', '🚂B', '\ufffd']);
});

test('bytes that are not UTF-8 end it, and what came before stands', async () => {
  const good = Buffer.from(`data: ${chunkData('Hel')}\n\n`);
  const pieces: unknown[] = [];
  const reply = async (): Promise<void> => {
    const bytes = Buffer.concat([good, Buffer.from([0x80])]);
    for await (const piece of piecesOf(cutAt(bytes, [good.length]), false)) pieces.push(piece);
  };
  await expect(reply()).rejects.toMatchObject({ retryable: true, message: 'malformed stream: not UTF-8' });
  expect(pieces).toEqual(['Hel']);
});

test('a reply that the server cut for its length is told as such', async () => {
  const bytes = Buffer.from(
    [chunkData('Once upon'), JSON.stringify({ choices: [{ delta: {}, finish_reason: 'length' }] })]
      .map((data) => `data: ${data}\n\n`)
      .join(''),
  );
  expect(await collected(piecesOf(cutAt(bytes, []), false))).toEqual(['Once upon', { type: 'truncated' }]);
});

test('while it thinks, it says that something is being made, and nothing of the thought', async () => {
  const bytes = Buffer.from(
    [...['<think>', 'Hm. ', '</think>', '\n\nHello!'].map(chunkData), '[DONE]']
      .map((data) => `data: ${data}\n\n`)
      .join(''),
  );
  const pieces = await collected(piecesOf(cutAt(bytes, []), false));
  expect(pieces.filter((piece) => typeof piece === 'string')).toEqual(['Hello!']);
  expect(pieces).toContainEqual({ type: 'generating' });
});
