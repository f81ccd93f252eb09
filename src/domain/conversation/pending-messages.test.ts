import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../../testing/property.ts';
import { noSpend } from '../spending/prices.ts';
import { noDraft, type PendingMessage, PendingMessages } from './pending-messages.ts';

function message(sequence: number, attempt = 0): PendingMessage {
  return {
    messageId: `m-${sequence}`,
    conversationId: 'conversation',
    clientId: 'client',
    group: undefined,
    clientMessageId: 'chosen',
    parts: [],
    timeZone: 'UTC',
    instructions: '',
    sequence,
    receivedAtMs: 0,
    attempt,
    draft: noDraft,
    continuedBytes: 0,
    toldAttempt: 0,
    spent: noSpend,
    hasReservation: false,
    processing: false,
    claimId: '',
    released: false,
    lostClaims: [],
    stopRequested: false,
  };
}

test('every version goes on holding what it held, in log order', () => {
  const step = fc.record({ kind: fc.constantFrom('append', 'append', 'replace', 'remove'), pick: fc.nat() });
  assertProperty(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      let pending = PendingMessages.none;
      let model: readonly PendingMessage[] = [];
      const versions: (readonly [PendingMessages, readonly PendingMessage[]])[] = [];
      steps.forEach(({ kind, pick }, index) => {
        const picked = model[pick % Math.max(1, model.length)] ?? message(0);
        if (kind === 'append') {
          const added = message(index);
          pending = pending.append(added);
          model = [...model, added];
        } else if (kind === 'replace') {
          const other = message(picked.sequence, index);
          pending = pending.replace(other);
          model = model.map((each) => (each.sequence === picked.sequence ? other : each));
        } else {
          pending = pending.remove(picked.sequence);
          model = model.filter((each) => each.sequence !== picked.sequence);
        }
        versions.push([pending, model]);
      });
      for (const [version, expected] of versions) {
        // The same objects, which is quicker to see than that they are equal.
        const held = [...version];
        expect(held.filter((each, index) => each !== expected[index])).toEqual([]);
        expect([held.length, version.size]).toEqual([expected.length, expected.length]);
        expect(version.first()).toBe(expected[0]);
      }
      expect(model.filter((each) => pending.get(each.sequence) !== each)).toEqual([]);
      expect(pending.get(1_000)).toBeUndefined();
    }),
    { numRuns: 500 },
  );
});
