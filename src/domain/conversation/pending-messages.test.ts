import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../../testing/property.ts';
import { type PendingMessage, PendingMessages } from './pending-messages.ts';

function message(sequence: number, attempt = 0): PendingMessage {
  return {
    messageId: `m-${sequence}`,
    conversationId: 'conversation',
    clientId: 'client',
    clientMessageId: 'chosen',
    parts: [],
    timeZone: 'UTC',
    sequence,
    receivedAtMs: 0,
    attempt,
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
          pending = pending.append(message(index));
          model = [...model, message(index)];
        } else if (kind === 'replace') {
          pending = pending.replace(message(picked.sequence, index));
          model = model.map((each) => (each.sequence === picked.sequence ? message(each.sequence, index) : each));
        } else {
          pending = pending.remove(picked.sequence);
          model = model.filter((each) => each.sequence !== picked.sequence);
        }
        versions.push([pending, model]);
      });
      for (const [version, expected] of versions) {
        expect([...version]).toEqual(expected);
        expect(version.size).toBe(expected.length);
        expect(version.first()).toEqual(expected[0]);
      }
      for (const each of model) expect(pending.get(each.sequence)).toEqual(each);
      expect(pending.get(1_000)).toBeUndefined();
    }),
    { numRuns: 500 },
  );
});
