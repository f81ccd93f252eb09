import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { ReadModelUnavailable } from '../ports/read-model.ts';
import { StandingClock } from '../testing/standing-clock.ts';
import { tellCatchUp } from './catch-up.ts';

const hundredThousand = 100_000;
const place = (offset: number, endOffset: number) => ({ offset, endOffset });

/** Records behind a log that stands still, or where each partition is. */
type Lag = number | readonly ReturnType<typeof place>[];

const placesWith = (lag: Lag) => (typeof lag === 'number' ? [place(1_000_000 - lag, 1_000_000)] : lag);

/** What is told while the lag is as these say, one after the other, and then for ever as the last one. */
async function told(lags: readonly (Record<string, Lag> | 'away')[], outdated: readonly string[] = [], found = '') {
  const lines: object[] = [];
  const left = [...lags];
  const models = new Set(outdated);
  const clock = Object.assign(new StandingClock(), { sleep: () => nextTurn() });
  await using _catchUp = tellCatchUp({
    standings: async () => {
      const now = left.shift() ?? {};
      if (now === 'away') throw new ReadModelUnavailable('away');
      if (found !== '') models.add(found);
      return new Map(Object.entries(now).map(([model, lag]) => [model, placesWith(lag)]));
    },
    outdated: models,
    logger: { info: (fields, message) => void lines.push({ ...fields, message }) },
    clock,
  });
  while (left.length > 0) await nextTurn();
  // What the last one makes it say.
  await nextTurn();
  return lines;
}

const upTo = 'the read model is being brought up to the log';
const caughtUp = 'the read model has caught up with the log';

test('an upgrade says which read models it makes anew, and how far each is', async () => {
  expect(await told(['away', { history: 7, processing: 3 }, { history: 2 }, { history: 0 }], ['history'])).toEqual([
    { models: ['history'], message: 'read models of an older release are rebuilt from the log' },
    { model: 'history', recordsLeft: 7, message: upTo },
    { model: 'history', recordsLeft: 2, message: upTo },
    { model: 'history', message: caughtUp },
  ]);
});

test('also when only the first look at the store finds that', async () => {
  expect(await told(['away', { history: 7 }, { history: 0 }], [], 'history')).toEqual([
    { models: ['history'], message: 'read models of an older release are rebuilt from the log' },
    { model: 'history', recordsLeft: 7, message: upTo },
    { model: 'history', message: caughtUp },
  ]);
});

test('a model of a log that grows has caught up when each partition has what was there at the last look', async () => {
  const lags = [
    { history: [place(0, 9), place(4, 5)] },
    { history: [place(8, 20), place(15, 16)] },
    { history: [place(20, 31), place(16, 19)] },
  ];
  expect(await told(lags, ['history'])).toEqual([
    { models: ['history'], message: 'read models of an older release are rebuilt from the log' },
    { model: 'history', recordsLeft: 10, message: upTo },
    { model: 'history', recordsLeft: 13, message: upTo },
    { model: 'history', message: caughtUp },
  ]);
});

test('so does a model that is far behind for another reason', async () => {
  expect(
    await told([
      { history: hundredThousand, processing: 3 },
      { history: 0, processing: hundredThousand },
    ]),
  ).toEqual([
    { model: 'history', recordsLeft: hundredThousand, message: upTo },
    { model: 'history', message: caughtUp },
  ]);
});

test('a start as usual says nothing', async () => {
  expect(await told([{ history: 3, processing: 0 }])).toEqual([]);
});
