import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../../testing/property.ts';
import { type ClientHalf, type LifeStep, overdue, type Phase, phaseAfter } from './session-life.ts';

const steps: readonly LifeStep[] = ['request', 'slot', 'ready', 'lose', 'end'];

describe('the life of a session', () => {
  /** What each step leads to; '-': it means nothing in this phase. In the order of `steps`. */
  const table: readonly (readonly [Phase, readonly (Phase | '-')[]])[] = [
    ['checking', ['applying', '-', '-', '-', 'ended']],
    ['applying', ['-', 'opening', '-', 'applying', 'ended']],
    ['opening', ['-', '-', 'open', 'applying', 'ended']],
    ['open', ['-', '-', '-', 'applying', 'ended']],
    ['ended', ['-', '-', '-', '-', '-']],
  ];

  test.each(table)('leads on from %s as the table says', (phase, expected) => {
    expect(steps.map((step) => phaseAfter(phase, step) ?? '-')).toEqual(expected);
  });

  test('is open only with a slot that was given since the last one was lost, and prepared since', () =>
    assertProperty(
      fc.property(fc.array(fc.constantFrom(...steps)), (taken) => {
        let phase: Phase = 'checking';
        let counted: LifeStep[] = [];
        for (const step of taken) {
          const next = phaseAfter(phase, step);
          if (next === undefined) continue;
          counted = step === 'lose' ? [] : [...counted, step];
          phase = next;
          if (phase === 'open') expect(counted.slice(-2)).toEqual(['slot', 'ready']);
        }
        expect(phase === 'ended').toBe(taken.includes('end'));
      }),
    ));
});

describe('an open session', () => {
  const inTime = { nowMs: 100, heardMs: 60, speakByMs: 100, staleAfterMs: 40 };

  test.each<[string, ClientHalf, Partial<typeof inTime>, string | undefined]>([
    ['goes on up to its deadlines', 'read', {}, undefined],
    ['ends when its client was not heard for longer', 'read', { heardMs: 59 }, 'STALE'],
    ['is not stale while its client is not read', 'unread', { heardMs: 0 }, undefined],
    ['is not stale while its client only waits for answers', 'finished', { heardMs: 0 }, undefined],
    ['ends when its client has not spoken in time', 'unread', { speakByMs: 99 }, 'FIRST_MESSAGE_TIMEOUT'],
    ['has no such deadline once it has', 'read', { speakByMs: Number.POSITIVE_INFINITY }, undefined],
    ['that is late for both is stale', 'read', { heardMs: 0, speakByMs: 0 }, 'STALE'],
  ])('%s', (_, client, over, reason) => {
    expect(overdue(client, { ...inTime, ...over })?.reason).toBe(reason);
  });
});
