import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { noDraft } from '../domain/conversation/pending-messages.ts';
import { assertProperty } from '../testing/property.ts';
import { ReplyText } from './reply-text.ts';

/** Any UTF-16, half characters included. */
const units = fc.array(
  fc.oneof(fc.constantFrom('a', 'é', '€', '😀', '\ud83d', '\ude00'), fc.string({ unit: 'binary' })),
  { maxLength: 40 },
);

test('pieces make up the text, however characters are cut between them', () => {
  assertProperty(
    fc.property(units, fc.array(fc.nat()), (parts, cuts) => {
      const whole = parts.join('');
      const at = [...new Set(cuts.map((cut) => cut % (whole.length + 1)))].sort((a, b) => a - b);
      const pieces = [0, ...at].map((from, index) => whole.slice(from, at[index]));
      const reply = new ReplyText(noDraft);
      const shown = [...pieces.map((piece) => reply.add(piece)), reply.end()];
      expect(reply.text).toBe(whole.toWellFormed());
      expect(shown.join('')).toBe(reply.text);
      expect(shown.every((text) => text.isWellFormed())).toBe(true);
      expect(reply.bytes).toBe(Buffer.byteLength(reply.text));
    }),
    { numRuns: 1_000 },
  );
});
