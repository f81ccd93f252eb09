import { describe, expect, test } from '@jest/globals';
import { catalogue } from '../domain/errors/catalogue.ts';
import {
  type AnswerEvent,
  type AnswerRules,
  type AnswerState,
  type AttemptOutcome,
  type Effect,
  type End,
  endOf,
  type Task,
  taken,
  transition,
} from './answer-state.ts';
import { maxBrokenAttempts } from './limits.ts';

const rules: AnswerRules = { maxAttempts: 3, retryMs: 60_000, usesHistory: true };
const start: Task = { type: 'start', attempt: 4 };
const poison: Task = { type: 'fail', reason: 'POISON', detail: 'Three were lost.' };
const tooLate: Task = { type: 'fail', reason: 'STOPPED', detail: 'Before there was an answer.' };

const end = (reason: keyof typeof catalogue, keep: End['keep']): End => ({
  keep,
  reason,
  detail: catalogue[reason].meaning,
});
const missing = { ...end('MEDIA_NOT_FOUND', 'nothing'), detail: expect.any(String) as unknown as string };

const first = { attempt: 4, tries: 1 };
const calling: AnswerState = { name: 'calling', wish: 'reply', ...first };
const last: AnswerState = { name: 'calling', wish: 'reply', attempt: 6, tries: 3, failedAtMs: 1_000 };
const loadingHistory: AnswerState = { name: 'loading-history', wish: 'reply', ...first };
const loadingMedia: AnswerState = { name: 'loading-media', wish: 'reply', attempt: 5, tries: 1 };
const waiting: AnswerState = {
  name: 'waiting',
  wish: 'reply',
  attempt: 5,
  tries: 2,
  failedAtMs: 1_000,
  delayMs: 250,
  reason: 'PROVIDER_FAILED',
};
const written: AnswerState = { name: 'written', wish: 'reply' };
const over: AnswerState = { name: 'over' };
const concluding = (of: End, wish: 'reply' | 'end' | 'nothing' = 'reply'): AnswerState => ({
  name: 'concluding',
  wish,
  end: of,
});

function failed(fields: Partial<Extract<AttemptOutcome, { type: 'failed' }>> = {}): AnswerEvent {
  return {
    type: 'attempt-ended',
    outcome: {
      type: 'failed',
      reason: 'PROVIDER_FAILED',
      atMs: 1_000,
      cause: '',
      notBeforeMs: 0,
      isBroken: false,
      text: 'none',
      lacksMedia: false,
      chance: 0,
      ...fields,
    },
  };
}
const ended = (type: 'whole' | 'truncated' | 'stopped' | 'abandoned'): AnswerEvent => ({
  type: 'attempt-ended',
  outcome: { type },
});
const past = (known: 'none' | 'repeat' | 'deleted'): AnswerEvent => ({ type: 'past-known', past: known });
const stop: AnswerEvent = { type: 'stop' };
const discard: AnswerEvent = { type: 'discard' };
const settled: AnswerEvent = { type: 'settled' };

const cancel: Effect = { type: 'cancel-attempt', why: 'stopped' };
const endWait: Effect = { type: 'end-wait' };
const leave: readonly Effect[] = [{ type: 'cancel-attempt', why: 'abandoned' }, endWait];

type Row = readonly [string, AnswerState, AnswerEvent, AnswerState, ...Effect[]];

const table: readonly Row[] = [
  ['a new message is read up on', taken(start), past('none'), loadingHistory],
  ['a repeat is forgotten', taken(start), past('repeat'), over, { type: 'forget-repeat' }],
  [
    'a message of a deleted conversation is ended without a word',
    taken(start),
    past('deleted'),
    concluding(end('STOPPED', 'stopped'), 'nothing'),
  ],
  [
    'a message that killed workers is given up',
    taken(poison),
    past('none'),
    concluding({ keep: 'nothing', reason: 'POISON', detail: poison.detail }),
  ],
  [
    'a message that was stopped before keeps its draft',
    taken(tooLate),
    past('none'),
    concluding({ keep: 'stopped', reason: 'STOPPED', detail: tooLate.detail }),
  ],
  [
    'a stop does not end the look-up: it may be a repeat',
    taken(start),
    stop,
    { name: 'looking-up', wish: 'end', task: start },
  ],
  [
    'what was stopped meanwhile is not begun',
    { name: 'looking-up', wish: 'end', task: start },
    past('none'),
    concluding(end('STOPPED', 'stopped'), 'end'),
  ],
  [
    'a repeat that was stopped is a repeat',
    { name: 'looking-up', wish: 'end', task: start },
    past('repeat'),
    over,
    { type: 'forget-repeat' },
  ],
  ['what was said before is known', loadingHistory, { type: 'history-loaded' }, calling],
  ['a stop ends the read of history', loadingHistory, stop, concluding(end('STOPPED', 'stopped'), 'end'), endWait],
  ['a whole reply is the end', calling, ended('whole'), concluding(end('PROVIDER_FAILED', 'completed'))],
  ['a failed attempt is followed by a wait', calling, failed(), waiting],
  ['the provider says how long', calling, failed({ notBeforeMs: 4_321 }), { ...waiting, delayMs: 4_321 }],
  ['why it waits is known', calling, failed({ reason: 'PROVIDER_BUSY' }), { ...waiting, reason: 'PROVIDER_BUSY' }],
  [
    'a wait that is too long is none',
    calling,
    failed({ notBeforeMs: 3_600_000 }),
    concluding(end('PROVIDER_BUSY', 'nothing')),
  ],
  [
    'the beginning of an answer is better than none',
    last,
    failed({ text: 'part' }),
    concluding(end('PROVIDER_FAILED', 'incomplete')),
  ],
  ['what the provider cut is not whole', calling, ended('truncated'), concluding(end('PROVIDER_FAILED', 'incomplete'))],
  ['the last attempt has failed', last, failed(), concluding(end('PROVIDER_FAILED', 'nothing'))],
  [
    'another attempt is made as long as a model server takes to start again',
    { ...calling, tries: 2, failedAtMs: 1_000 },
    failed({ atMs: 60_900 }),
    { ...waiting, tries: 3, delayMs: 100 },
  ],
  [
    'and none after that',
    { ...calling, tries: 2, failedAtMs: 1_000 },
    failed({ atMs: 61_000, cause: 'ECONNREFUSED' }),
    concluding({ ...end('PROVIDER_FAILED', 'nothing'), cause: 'ECONNREFUSED' }),
  ],
  [
    'one that fails after it said something counts as broken',
    { ...calling, failedAtMs: 1_000 },
    failed({ isBroken: true, text: 'part' }),
    { ...waiting, broken: 1 },
  ],
  [
    'broken ones are kept in mind while others fail that say nothing',
    { ...calling, failedAtMs: 1_000, broken: 2 },
    failed(),
    { ...waiting, broken: 2 },
  ],
  [
    'too many broken ones are the end, however many tries are left',
    { ...calling, failedAtMs: 1_000, broken: maxBrokenAttempts - 1 },
    failed({ isBroken: true, text: 'part' }),
    concluding(end('PROVIDER_FAILED', 'incomplete')),
  ],
  [
    'what only an operator can mend is not tried again',
    calling,
    failed({ reason: 'PROVIDER_ACCESS_DENIED', notBeforeMs: Number.POSITIVE_INFINITY }),
    concluding(end('PROVIDER_ACCESS_DENIED', 'nothing')),
  ],
  [
    'the last attempt took too long',
    last,
    failed({ reason: 'PROVIDER_TIMEOUT' }),
    concluding(end('PROVIDER_TIMEOUT', 'nothing')),
  ],
  [
    'a whole text without its voice is better than none',
    last,
    failed({ text: 'whole' }),
    concluding(end('PROVIDER_FAILED', 'completed')),
  ],
  ['the store is waited for, and no try is lost', calling, failed({ lacksMedia: true }), loadingMedia],
  [
    'also at the last try',
    last,
    failed({ lacksMedia: true }),
    { ...loadingMedia, attempt: 7, tries: 3, failedAtMs: 1_000 },
  ],
  [
    'media that came lead to another attempt',
    loadingMedia,
    { type: 'media-loaded', isMissing: false },
    { ...calling, attempt: 5 },
  ],
  ['media that are gone end it', loadingMedia, { type: 'media-loaded', isMissing: true }, concluding(missing)],
  ['a stop ends the wait for media', loadingMedia, stop, concluding(end('STOPPED', 'stopped'), 'end'), endWait],
  [
    'after the wait comes another attempt',
    waiting,
    { type: 'waited' },
    { ...calling, attempt: 5, tries: 2, failedAtMs: 1_000 },
  ],
  ['a stop ends the wait', waiting, stop, concluding(end('STOPPED', 'stopped'), 'end'), endWait],
  ['a deletion ends it, too', waiting, discard, concluding(end('STOPPED', 'stopped'), 'nothing'), endWait],
  ['a stop cancels the attempt', calling, stop, { ...calling, wish: 'end' }, cancel],
  [
    'a cancelled attempt is the end',
    { ...calling, wish: 'end' },
    ended('stopped'),
    concluding(end('STOPPED', 'stopped'), 'end'),
  ],
  [
    'a stop that came behind the last piece stops nothing',
    { ...calling, wish: 'end' },
    ended('whole'),
    concluding(end('PROVIDER_FAILED', 'completed'), 'end'),
  ],
  [
    'a stop that came behind a failure is not waited out',
    { ...calling, wish: 'end' },
    failed(),
    concluding(end('STOPPED', 'stopped'), 'end'),
  ],
  [
    'a stop after a deletion brings nothing back',
    { ...calling, wish: 'nothing' },
    stop,
    { ...calling, wish: 'nothing' },
    cancel,
  ],
  [
    'a deletion changes what is being written',
    concluding(end('PROVIDER_FAILED', 'completed')),
    discard,
    concluding(end('PROVIDER_FAILED', 'completed'), 'nothing'),
  ],
  ['what the log has taken is read back', concluding(missing), { type: 'concluded' }, written],
  ['a stop does not write again', written, stop, { name: 'written', wish: 'end' }],
  ...[taken(start), loadingHistory, calling, loadingMedia, waiting, concluding(missing), written].map(
    (state): Row => [`is left alone once it is settled (${state.name})`, state, settled, over, ...leave],
  ),
];

describe('an answer', () => {
  test.each(table)('%s', (_rule, before, event, after, ...effects) => {
    expect(transition(before, event, rules)).toEqual({ state: after, effects });
  });

  test('without a model that reads history, it begins with the call', () => {
    expect(transition(taken(start), past('none'), { ...rules, usesHistory: false }).state).toEqual(calling);
  });

  test('that is to say nothing keeps nothing of what was said', () => {
    const state = { name: 'concluding', wish: 'nothing', end: end('PROVIDER_FAILED', 'completed') } as const;
    expect(endOf(state)).toEqual(end('STOPPED', 'nothing'));
    expect(endOf({ ...state, wish: 'end' })).toEqual(state.end);
  });

  const states = [taken(start), loadingHistory, calling, loadingMedia, waiting, concluding(missing), written, over];
  const awaited: Readonly<Record<string, AnswerState['name']>> = {
    'past-known': 'looking-up',
    'history-loaded': 'loading-history',
    'attempt-ended': 'calling',
    'media-loaded': 'loading-media',
    waited: 'waiting',
    concluded: 'concluding',
  };
  const reports: readonly AnswerEvent[] = [
    past('none'),
    { type: 'history-loaded' },
    failed(),
    { type: 'media-loaded', isMissing: false },
    { type: 'waited' },
    { type: 'concluded' },
  ];
  const late = states.flatMap((state) =>
    reports
      .filter(({ type }) => awaited[type] !== state.name)
      .map((event) => [event.type, state.name, state, event] as const),
  );

  test.each(late)('takes no notice of a late %s when %s', (_event, _name, state, event) => {
    expect(transition(state, event, rules)).toEqual({ state, effects: [] });
  });

  test.each([stop, discard, settled])('that is over stays over, whatever comes', (event) => {
    expect(transition(over, event, rules)).toEqual({ state: over, effects: [] });
  });
});
