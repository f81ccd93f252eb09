import { describe, expect, test } from '@jest/globals';
import { Watchdog } from '../app/watchdog.ts';
import { type Draft, noDraft } from '../domain/conversation/pending-messages.ts';
import type { Stretch } from '../domain/conversation/utf8.ts';
import { maxPieceBytes } from '../domain/limits.ts';
import { LogUnavailable } from '../ports/event-log.ts';
import { StandingClock } from '../testing/standing-clock.ts';
import { DraftWriter } from './draft-writer.ts';
import {
  draftIntervalMs,
  draftStretchBytes,
  logRetryInitialDelayMs,
  logRetryMaxDelayMs,
  watchdogTickMs,
} from './limits.ts';
import { ReplyText } from './reply-text.ts';

interface Append {
  readonly stretches: readonly Stretch[];
  readonly atMs: number;
  readonly answer: PromiseWithResolvers<void>;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A reply that grows, and the log that is told, which answers when the test says so, or else at once. */
class World {
  readonly clock = new StandingClock(0);
  readonly appends: Append[] = [];
  readonly failures: unknown[] = [];
  readonly reply: ReplyText;
  readonly writer: DraftWriter;
  /** Appends are answered by the test. */
  isHeld = false;
  isAway = false;

  constructor(beginning: Draft = noDraft) {
    this.reply = new ReplyText(beginning);
    this.writer = new DraftWriter(this.reply, beginning, {
      clock: this.clock,
      watchdog: new Watchdog(this.clock, watchdogTickMs),
      random: () => 0,
      append: (stretches) => this.#append(stretches),
      onFailure: (error) => this.failures.push(error),
    });
  }

  say(text: string): void {
    this.reply.add(text);
    this.writer.grown();
  }

  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= watchdogTickMs) {
      this.clock.advance(Math.min(left, watchdogTickMs));
      await turn();
    }
    await turn();
  }

  /** What was appended, each append as what its stretches say and where the first begins. */
  get written(): readonly (readonly [offsetBytes: number | undefined, text: string])[] {
    return this.appends.map(({ stretches }) => [stretches[0]?.offsetBytes, stretches.map(({ text }) => text).join('')]);
  }

  async #append(stretches: readonly Stretch[]): Promise<void> {
    const answer = Promise.withResolvers<void>();
    this.appends.push({ stretches, atMs: this.clock.monotonicMs(), answer });
    if (this.isAway) answer.reject(new LogUnavailable('away', 'not-written'));
    else if (!this.isHeld) answer.resolve();
    return answer.promise;
  }
}

describe('what a reply has said', () => {
  test('is written an interval after its first text, all of it, and again after the next', async () => {
    const world = new World();
    world.say('Once ');
    await world.pass(draftIntervalMs / 2);
    world.say('upon ');
    await world.pass(draftIntervalMs / 2 - 1);
    expect(world.written).toEqual([]);
    await world.pass(watchdogTickMs);
    expect(world.written).toEqual([[0, 'Once upon ']]);
    await world.pass(2 * draftIntervalMs);
    world.say('a time');
    await world.pass(draftIntervalMs + watchdogTickMs);
    expect(world.written).toEqual([
      [0, 'Once upon '],
      [10, 'a time'],
    ]);
  });

  test('is written at once when there is enough of it, and nothing is left to wait for then', async () => {
    const world = new World();
    world.say('x'.repeat(draftStretchBytes - 1));
    await turn();
    expect(world.appends).toEqual([]);
    world.say('y');
    await turn();
    expect(world.appends).toHaveLength(1);
    await world.pass(2 * draftIntervalMs);
    expect(world.appends).toHaveLength(1);
    world.say('é'.repeat(draftStretchBytes / 2));
    await turn();
    expect(world.written[1]?.[0]).toBe(draftStretchBytes);
  });

  test('is not written again where the log has it from the attempt before', async () => {
    const world = new World({ text: 'Grüße', bytes: 7 });
    world.writer.grown();
    await world.pass(2 * draftIntervalMs);
    expect(world.appends).toEqual([]);
    world.say(', Welt');
    await world.pass(draftIntervalMs + watchdogTickMs);
    expect(world.written).toEqual([[7, ', Welt']]);
  });

  test('never ends within a character', async () => {
    const world = new World();
    world.say('Smile: \ud83d');
    await world.pass(draftIntervalMs + watchdogTickMs);
    world.say('\ude42!');
    await world.pass(draftIntervalMs + watchdogTickMs);
    expect(world.written).toEqual([
      [0, 'Smile: '],
      [7, '🙂!'],
    ]);
    expect(world.writer.written).toEqual({ text: 'Smile: 🙂!', bytes: 12 });
  });

  test('is cut into stretches that a record holds', async () => {
    const world = new World();
    const text = 'ü'.repeat(maxPieceBytes + 3);
    world.say(text);
    await turn();
    const [{ stretches } = { stretches: [] }] = world.appends;
    expect(stretches.map(({ offsetBytes }) => offsetBytes)).toEqual([0, maxPieceBytes, 2 * maxPieceBytes]);
    expect(Math.max(...stretches.map((stretch) => Buffer.byteLength(stretch.text)))).toBe(maxPieceBytes);
    expect(world.written).toEqual([[0, text]]);
  });
});

describe('while an append is under way', () => {
  test('no other begins; what came meanwhile is written after it', async () => {
    const world = new World();
    world.isHeld = true;
    world.say('x'.repeat(draftStretchBytes));
    await turn();
    world.say('y'.repeat(draftStretchBytes));
    await world.pass(3 * draftIntervalMs);
    expect(world.appends).toHaveLength(1);
    world.appends[0]?.answer.resolve();
    await turn();
    expect(world.written[1]).toEqual([draftStretchBytes, 'y'.repeat(draftStretchBytes)]);
    world.say('z');
    world.appends[1]?.answer.resolve();
    await turn();
    await world.pass(draftIntervalMs - 1);
    expect(world.appends).toHaveLength(2);
    await world.pass(watchdogTickMs);
    expect(world.written[2]).toEqual([2 * draftStretchBytes, 'z']);
  });

  test('what it writes does not count as written', async () => {
    const world = new World({ text: 'Wohl', bytes: 4 });
    world.isHeld = true;
    world.say(' über');
    await world.pass(draftIntervalMs + watchdogTickMs);
    expect(world.appends).toHaveLength(1);
    expect(world.writer.written).toEqual({ text: 'Wohl', bytes: 4 });
    world.say(' Nacht');
    world.appends[0]?.answer.resolve();
    await turn();
    expect(world.writer.written).toEqual({ text: 'Wohl über', bytes: 10 });
  });
});

describe('a log that does not take it', () => {
  test('is tried again after growing waits, each time with all that there is by then', async () => {
    const world = new World();
    world.isAway = true;
    world.say('a');
    await world.pass(draftIntervalMs);
    world.say('b'.repeat(draftStretchBytes));
    await world.pass(30_000);
    const times = world.appends.map(({ atMs }) => atMs);
    const waits = times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0));
    expect(waits.slice(0, 3)).toEqual([1, 2, 4].map((times) => times * logRetryInitialDelayMs));
    expect(Math.max(...waits)).toBe(logRetryMaxDelayMs);
    expect(world.failures).toHaveLength(world.appends.length);
    expect(world.written[0]).toEqual([0, 'a']);
    for (const written of world.written.slice(1)) expect(written).toEqual([0, `a${'b'.repeat(draftStretchBytes)}`]);
    expect(world.writer.written).toEqual(noDraft);

    world.isAway = false;
    await world.pass(logRetryMaxDelayMs);
    expect(world.writer.written.bytes).toBe(1 + draftStretchBytes);
    const { length } = world.appends;
    world.say('c');
    await world.pass(draftIntervalMs - watchdogTickMs);
    expect(world.appends).toHaveLength(length);
    await world.pass(2 * watchdogTickMs);
    expect(world.written.slice(length)).toEqual([[1 + draftStretchBytes, 'c']]);
  });
});

describe('once it is closed', () => {
  test('nothing is written, neither what waits nor what comes', async () => {
    const world = new World();
    world.say('Once ');
    world.writer.close();
    world.say('x'.repeat(2 * draftStretchBytes));
    await world.pass(3 * draftIntervalMs);
    expect(world.appends).toEqual([]);
    expect(world.clock.sleeping).toBe(0);
  });

  test.each(['resolve', 'reject'] as const)('an append that is under way, and then %ss, is the last', async (how) => {
    const world = new World();
    world.isHeld = true;
    world.say('x'.repeat(draftStretchBytes));
    world.say('y'.repeat(draftStretchBytes));
    world.writer.close();
    const answer = world.appends[0]?.answer;
    if (how === 'resolve') answer?.resolve();
    else answer?.reject(new LogUnavailable('away', 'unknown'));
    await world.pass(2 * logRetryMaxDelayMs);
    expect(world.appends).toHaveLength(1);
    expect(world.writer.written.bytes).toBe(how === 'resolve' ? draftStretchBytes : 0);
  });
});
