import { expect, test } from '@jest/globals';
import { maxUnsentBytes } from '../../domain/limits.ts';
import { Outbox } from './outbox.ts';
import type { SessionEvent } from './session-event.ts';

// Cause: what was kept while the log was away was counted in events, of which each could be a whole reply.
test('what is kept while nothing may be told is bounded by its bytes, and counted anew once it was told', () => {
  const told: SessionEvent[] = [];
  let overflows = 0;
  let mayTell = false;
  const output = { emit: (event: SessionEvent) => void told.push(event), writable: async () => {}, end() {} };
  const outbox = new Outbox({
    output,
    mayTell: () => mayTell,
    onOverflow: () => {
      overflows += 1;
    },
  });
  const text = 'x'.repeat(100_000);
  const fill = () => {
    for (let bytes = 0; bytes + text.length + 1_000 < maxUnsentBytes; bytes += text.length)
      outbox.emit({ type: 'delta', replyMessageId: 'r', attempt: 1, offsetBytes: bytes, text });
  };
  fill();
  mayTell = true;
  outbox.flush();
  mayTell = false;
  fill();
  expect(overflows).toBe(0);
  outbox.emit({ type: 'delta', replyMessageId: 'r', attempt: 1, offsetBytes: 0, text });
  expect(overflows).toBe(1);
  expect(told.length).toBe(10);
});
