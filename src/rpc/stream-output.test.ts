import { Writable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { nodeCryptoIds } from '../adapters/node/node-crypto-ids.ts';
import type { MessageTold, SessionEvent } from '../app/gateway/session-event.ts';
import { Watchdog } from '../app/watchdog.ts';
import type { Part } from '../domain/conversation/events.ts';
import { Refused } from '../domain/errors/catalogue.ts';
import { maxInlineReplyBytes, maxReplyBytes, maxUnsentBytes, slowConsumerMs, sweepMs } from '../domain/limits.ts';
import type { ChatResponse } from '../gen/chat/v1/chat_service.ts';
import type { Media } from '../gen/chat/v1/content.ts';
import { assertProperty } from '../testing/property.ts';
import { StandingClock } from '../testing/standing-clock.ts';
import { ErrorMapping } from './errors.ts';
import { maxInFlightBytes, type SessionStream, StreamOutput } from './stream-output.ts';
import { durationOf } from './wire-values.ts';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const uncounted = { refused() {}, accepted() {}, replied() {}, historyRead() {}, sessionEnded() {}, writeRefused() {} };
const limits = {
  maxClients: 1,
  maxProcessing: 1,
  maxTextBytes: 1,
  maxInlineBytes: 1,
  maxMediaBytes: 1n,
  maxFrameBytes: 1,
};
const facts = { heartbeatInterval: durationOf(1), firstMessageDeadline: durationOf(1), limits };

/** A client that reads a frame when the test says so. */
function slowClient(highWaterMark = 1) {
  const frames: ChatResponse[] = [];
  const reads: (() => void)[] = [];
  const stream = new Writable({
    objectMode: true,
    highWaterMark,
    write(frame: ChatResponse, _encoding, done) {
      frames.push(frame);
      reads.push(done);
    },
  });
  const slow: Refused[] = [];
  // As the transport does, which makes it the status.
  stream.on('error', () => stream.end());
  const clock = new StandingClock();
  const deps = {
    facts,
    errors: new ErrorMapping(quiet, uncounted, nodeCryptoIds),
    clock,
    watchdog: new Watchdog(clock, sweepMs),
  };
  const output = new StreamOutput(stream as unknown as SessionStream, deps, (refused) => slow.push(refused));
  const readAll = async () => {
    do {
      reads.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    } while (reads.length > 0);
  };
  return { output, frames, slow, reads, readAll, stream, clock };
}

function reply(messageId: string, mediaBytes: number, textBytes = 0): MessageTold {
  const voice: Part = { kind: 'voice', mediaId: 'v', contentType: 'audio/mpeg', sizeBytes: mediaBytes, sha256: '' };
  return {
    type: 'message',
    links: new Map([['v', { url: 'http://v', expireTimeMs: 1, bytes: new Uint8Array(mediaBytes) }]]),
    message: {
      messageId,
      conversationId: 'c',
      clientId: '',
      sequence: 1,
      role: 'assistant',
      parts: [{ kind: 'text', text: 'x'.repeat(textBytes) }, voice],
      status: 'completed',
      replyToMessageId: '',
      replyMessageId: '',
      clientMessageId: '',
      createTimeMs: 0,
      completeTimeMs: 0,
      model: '',
      failureReason: '',
      failureDetail: '',
      attempt: 1,
    },
  };
}

function mediaIn(frames: readonly ChatResponse[]): { inline: number; url: string }[] {
  return frames.flatMap(({ event }) =>
    event?.event?.$case === 'message'
      ? event.event.value.parts
          .map(({ value }) => (value?.$case === 'media' ? value.value : undefined))
          .filter((media): media is Media => media !== undefined)
          .map(({ inlineData, url }) => ({ inline: inlineData.length, url }))
      : [],
  );
}

describe('a client that reads slowly', () => {
  test('gets the bytes of media as long as they fit into what may be unread, and then their URL alone', async () => {
    const { output, frames, slow, readAll, stream } = slowClient();
    const pong: SessionEvent = { type: 'pong', timeMs: 1 };
    output.emit(pong);
    for (const id of ['a', 'b', 'c', 'd']) output.emit(reply(id, 400_000));
    expect(slow).toEqual([]);
    await readAll();
    expect(mediaIn(frames)).toEqual([
      { inline: 400_000, url: 'http://v' },
      { inline: 400_000, url: 'http://v' },
      { inline: 0, url: 'http://v' },
      { inline: 0, url: 'http://v' },
    ]);
    stream.destroy();
  });

  test('is not cut for the largest reply behind the pieces of it', async () => {
    const { output, frames, slow, readAll, stream } = slowClient();
    output.emit({ type: 'pong', timeMs: 1 });
    for (let offsetBytes = 0; offsetBytes < maxReplyBytes / 2; offsetBytes += 16_384) {
      output.emit({ type: 'delta', replyMessageId: 'a', attempt: 1, offsetBytes, text: 'x'.repeat(16_384) });
    }
    output.emit(reply('a', maxInlineReplyBytes, maxReplyBytes));
    expect(slow).toEqual([]);
    await readAll();
    expect(mediaIn(frames)).toEqual([{ inline: 0, url: 'http://v' }]);
    stream.destroy();
  });

  test('is cut for words that it does not read', () => {
    const { output, slow, stream } = slowClient();
    output.emit({ type: 'pong', timeMs: 1 });
    for (let index = 0; index < 3; index += 1) output.emit(reply(`${index}`, 0, 400_000));
    expect(slow.map(({ reason }) => reason)).toEqual(['SLOW_CONSUMER']);
    expect(output.heldBytes).toBeLessThan(maxUnsentBytes);
    stream.destroy();
  });

  test('is cut when it reads nothing for the limit, and not when it reads in between', async () => {
    const { output, slow, readAll, stream, clock } = slowClient();
    const pass = async (ms: number) => {
      for (let passedMs = 0; passedMs < ms; passedMs += sweepMs) {
        await new Promise((resolve) => setImmediate(resolve));
        clock.advance(sweepMs);
      }
      await new Promise((resolve) => setImmediate(resolve));
    };
    output.emit({ type: 'pong', timeMs: 1 });
    await pass(slowConsumerMs - sweepMs);
    await readAll();
    expect(slow).toEqual([]);
    output.emit({ type: 'pong', timeMs: 2 });
    await pass(slowConsumerMs - sweepMs);
    expect(slow).toEqual([]);
    await pass(2 * sweepMs);
    expect(slow.map(({ reason }) => reason)).toEqual(['SLOW_CONSUMER']);
    stream.destroy();
  });
});

type Step = { readonly emit: number } | { readonly read: number } | { readonly end: boolean };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ emit: fc.integer({ min: 0, max: 16 * 1_024 }) }) },
  { weight: 2, arbitrary: fc.record({ emit: fc.integer({ min: 0, max: maxReplyBytes }) }) },
  { weight: 4, arbitrary: fc.record({ read: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 1, arbitrary: fc.record({ end: fc.boolean() }) },
);

describe('whatever is sent and read in whatever order', () => {
  test('no more than the named bytes are held, and what arrives is a prefix of what was sent', async () => {
    await assertProperty(
      fc.asyncProperty(fc.array(step, { maxLength: 200 }), async (steps) => {
        const { output, frames, reads, stream } = slowClient(16);
        let offsetBytes = 0;
        for (const one of steps) {
          if ('emit' in one) {
            const text = 'x'.repeat(one.emit);
            output.emit({ type: 'delta', replyMessageId: 'a', attempt: 1, offsetBytes, text });
            offsetBytes += one.emit;
          } else if ('read' in one) {
            for (let index = 0; index < one.read; index += 1) {
              reads.shift()?.();
              await new Promise((resolve) => process.nextTick(resolve));
            }
          } else output.end(one.end ? new Refused('STALE') : undefined);
          // What was emitted last may be in flight as a whole beside what had been before.
          expect(output.heldBytes).toBeLessThanOrEqual(maxUnsentBytes + maxInFlightBytes + maxReplyBytes + 1_000);
        }
        let expected = 0;
        for (const { event } of frames) {
          if (event?.event?.$case !== 'replyDelta') continue;
          expect(event.event.value.offsetBytes).toBe(BigInt(expected));
          expected += event.event.value.text.length;
        }
        expect(expected).toBeLessThanOrEqual(offsetBytes);
        stream.destroy();
      }),
      { numRuns: 100 },
    );
  });
});
