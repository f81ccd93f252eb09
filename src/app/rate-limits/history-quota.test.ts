import { expect, test } from '@jest/globals';
import { messageOverheadBytes } from '../../domain/conversation/history-bytes.ts';
import { ReadModelUnavailable } from '../../ports/read-model.ts';
import { HistoryQuota } from './history-quota.ts';

const used = 1_000;
const say = (text: string) => [{ kind: 'text' as const, text }];

function quota(maxHistoryBytesPerClient: number | undefined, usageOf = async () => used) {
  const refused: string[] = [];
  let asked = 0;
  const subject = new HistoryQuota({
    history: {
      async usageOf() {
        asked += 1;
        return { conversations: 1, messages: 2, bytes: await usageOf() };
      },
    },
    metrics: { writeRefused: (kind) => void refused.push(kind) },
    maxHistoryBytesPerClient,
  });
  return { subject, refused, asked: () => asked };
}

test('a message that just has room is taken, one byte more is refused and counted', async () => {
  const { subject, refused } = quota(used + messageOverheadBytes + 4);
  await subject.check('ann', say('four'));
  await subject.check('ann', say('für'));
  const tooMuch = expect.objectContaining({ reason: 'HISTORY_QUOTA_EXCEEDED' });
  await expect(subject.check('ann', say('fünf'))).rejects.toEqual(tooMuch);
  expect(refused).toEqual(['history']);
});

test('history is not asked where there is no limit', async () => {
  const { subject, asked } = quota(undefined);
  await subject.check('ann', say('anything'));
  expect(asked()).toBe(0);
});

test('while history is away all is taken; any other error is told', async () => {
  await quota(1, () => Promise.reject(new ReadModelUnavailable('away'))).subject.check('ann', say('anything'));
  const defect = new Error('a defect');
  await expect(quota(1, () => Promise.reject(defect)).subject.check('ann', say('x'))).rejects.toBe(defect);
});
