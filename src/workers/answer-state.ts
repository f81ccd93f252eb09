/**
 * The life of an answer, as a table: which state follows which on what event, and what is to be interrupted then. The shell in answer.ts does
 * what each state is named after, and reports how that came out as the next event.
 *
 *     looking-up ─▶ loading-history ─▶ calling ─▶ concluding ─▶ written ─▶ over
 *                                      ▲ │  ▲ └─▶ waiting ───┐
 *                                      │ └──┼───▶ loading-media
 *                                      └────┴────────────────┘
 *
 * A stop leads from each state before `concluding` to it; `settled` leads from every state to `over`.
 */
import { backOffMs } from '../app/back-off.ts';
import type { ReplyCompleted } from '../domain/conversation/events.ts';
import type { Decision } from '../domain/conversation/plan.ts';
import { catalogue } from '../domain/errors/catalogue.ts';
import { retryInitialDelayMs, retryMaxDelayMs } from '../domain/limits.ts';
import type { MessagePast } from './deps.ts';
import { maxBrokenAttempts } from './limits.ts';

/** What the message was taken up for: as the plan has it, without the message. */
export type Task = Decision extends infer D ? (D extends Decision ? Omit<D, 'message'> : never) : never;

/** What the message still needs. `nothing`: its conversation was deleted, and no content may be logged any more. */
export type Wish = 'reply' | 'end' | 'nothing';

/** The final event is a failure, unless there is text to keep. */
export interface End {
  /** The text is the reply, with this outcome; `incomplete`: unfinished. */
  readonly keep: ReplyCompleted['outcome'] | 'incomplete' | 'nothing';
  /** Of the error catalogue. */
  readonly reason: string;
  readonly detail: string;
  /** For an operator alone. */
  readonly cause?: string;
}

/** The next attempt or the one under way, 1, 2, … over all workers, and its number among those of this worker. */
interface Count {
  readonly attempt: number;
  readonly tries: number;
  /** Monotonic time of the first failed try; absent before. */
  readonly failedAtMs?: number;
  /** Tries that failed after something was said; absent for 0. */
  readonly broken?: number;
}

export type AnswerState =
  /** History is asked whether the message is a repeat. Nothing is in the log under this claim. */
  | { readonly name: 'looking-up'; readonly wish: Wish; readonly task: Task }
  /** Loads the conversation. Nothing is in the log under this claim. */
  | ({ readonly name: 'loading-history'; readonly wish: 'reply' } & Count)
  /** The provider is asked. After a stop its attempt is cancelled, and about to end. */
  | ({ readonly name: 'calling'; readonly wish: Wish } & Count)
  /** The media store, which could not be read, is waited for. */
  | ({ readonly name: 'loading-media'; readonly wish: 'reply' } & Count)
  /** The provider is left alone for so long. */
  | ({
      readonly name: 'waiting';
      readonly wish: 'reply';
      readonly failedAtMs: number;
      readonly delayMs: number;
      /** Why the last attempt failed. */
      readonly reason: AttemptFailure;
    } & Count)
  /** The final event is appended, until the log has taken it. */
  | { readonly name: 'concluding'; readonly wish: Wish; readonly end: End }
  /** The final event is to be read back. */
  | { readonly name: 'written'; readonly wish: Wish }
  | { readonly name: 'over' };

/** Reasons of the error catalogue for an attempt that failed. */
export type AttemptFailure = Extract<keyof typeof catalogue, `PROVIDER_${string}`>;

/** How an attempt ended, as far as it matters to what comes next. */
export type AttemptOutcome =
  | { readonly type: 'whole' | 'truncated' | 'stopped' | 'abandoned' }
  /** It was not begun: the message's budgets have not left what it needs. */
  | { readonly type: 'unfunded'; readonly text: 'none' | 'part' | 'whole' }
  | {
      readonly type: 'failed';
      readonly reason: AttemptFailure;
      /** Monotonic time. */
      readonly atMs: number;
      /** For an operator; '' when there is nothing to say. */
      readonly cause: string;
      /** Another attempt is of no use before; infinite when none is. */
      readonly notBeforeMs: number;
      /** It failed after it had said something itself. */
      readonly isBroken: boolean;
      /** What there is of the text, of this attempt or, if it said nothing, of the one before. */
      readonly text: 'none' | 'part' | 'whole';
      /** The attempt needs media that were not read: a failure of their store, not of the provider. */
      readonly lacksMedia: boolean;
      /** 0 ≤ x < 1, for the spread of waits. */
      readonly chance: number;
    };

export type AnswerEvent =
  | { readonly type: 'past-known'; readonly past: MessagePast }
  | { readonly type: 'history-loaded' }
  | { readonly type: 'attempt-ended'; readonly outcome: AttemptOutcome }
  /** `isMissing`: the store does not have all of them, and never will. */
  | { readonly type: 'media-loaded'; readonly isMissing: boolean }
  | { readonly type: 'waited' }
  /** The log has taken the final event. */
  | { readonly type: 'concluded' }
  /** The client wants no more. */
  | { readonly type: 'stop' }
  /** Its conversation was deleted. */
  | { readonly type: 'discard' }
  /** Its final event was read back, or it is left to another worker. */
  | { readonly type: 'settled' };

/** What is to be ended beside the change of state. */
export type Effect =
  | { readonly type: 'cancel-attempt'; readonly why: 'stopped' | 'abandoned' }
  /** The wait, or the read, that the state left was about. */
  | { readonly type: 'end-wait' }
  /** It was received before: the fold is to forget it. */
  | { readonly type: 'forget-repeat' };

export interface AnswerRules {
  /** Calls to the provider for one message by one worker. */
  readonly maxAttempts: number;
  /** After the first failure: then comes the last attempt, if the others were not enough before. */
  readonly retryMs: number;
  readonly usesHistory: boolean;
}

export interface Transition {
  readonly state: AnswerState;
  readonly effects: readonly Effect[];
}

/** Of a message that was just taken up. */
export function taken(task: Task): AnswerState {
  return { name: 'looking-up', wish: 'reply', task };
}

/** The state after the event, and what is to be done at once. An event that the state does not await changes nothing. */
export function transition(state: AnswerState, event: AnswerEvent, rules: AnswerRules): Transition {
  switch (event.type) {
    case 'settled':
      return afterSettled(state);
    case 'stop':
      return afterStop(state, 'end');
    case 'discard':
      return afterStop(state, 'nothing');
    case 'past-known':
      return state.name === 'looking-up' ? afterLookUp(state, event.past, rules) : unchanged(state);
    case 'history-loaded':
      return state.name === 'loading-history' ? to({ ...state, name: 'calling' }) : unchanged(state);
    case 'attempt-ended':
      return state.name === 'calling' ? to(afterAttempt(state, event.outcome, rules)) : unchanged(state);
    case 'media-loaded':
      if (state.name !== 'loading-media') return unchanged(state);
      return to(event.isMissing ? concluding(state.wish, mediaMissing) : { ...state, name: 'calling' });
    case 'waited':
      return state.name === 'waiting' ? to(afterWait(state)) : unchanged(state);
    case 'concluded':
      return state.name === 'concluding' ? to({ name: 'written', wish: state.wish }) : unchanged(state);
    default:
      return event satisfies never;
  }
}

/** An attempt may still be begun, or go on. */
export function isUnderWay({ name }: AnswerState): boolean {
  return name !== 'concluding' && name !== 'written' && name !== 'over';
}

/** The final event: without content, once the conversation is deleted. */
export function endOf({ wish, end }: Extract<AnswerState, { name: 'concluding' }>): End {
  return wish === 'nothing' ? { ...stopped, keep: 'nothing' } : end;
}

const stopped: End = endFor('STOPPED', 'stopped');
const mediaMissing: End = {
  keep: 'nothing',
  reason: 'MEDIA_NOT_FOUND',
  detail: 'What was sent with the message is not in the store any more.',
};

function endFor(reason: keyof typeof catalogue, keep: End['keep']): End {
  return { keep, reason, detail: catalogue[reason].meaning };
}

/** The catalogue's reason for a failure after which another attempt is of no use for long. */
function longFailure(reason: AttemptFailure, notBeforeMs: number): AttemptFailure {
  return reason === 'PROVIDER_FAILED' && notBeforeMs > retryMaxDelayMs && Number.isFinite(notBeforeMs)
    ? 'PROVIDER_BUSY'
    : reason;
}

function to(state: AnswerState, ...effects: readonly Effect[]): Transition {
  return { state, effects };
}

const unchanged = (state: AnswerState) => to(state);

function concluding(wish: Wish, end: End): AnswerState {
  return { name: 'concluding', wish, end };
}

function afterSettled(state: AnswerState): Transition {
  if (state.name === 'over') return unchanged(state);
  return to({ name: 'over' }, { type: 'cancel-attempt', why: 'abandoned' }, { type: 'end-wait' });
}

function afterStop(state: AnswerState, asked: 'end' | 'nothing'): Transition {
  if (state.name === 'over') return unchanged(state);
  const wish = state.wish === 'nothing' ? 'nothing' : asked;
  switch (state.name) {
    case 'looking-up':
      // Whether it is a repeat is to be known all the same: a repeat has its end already.
      return to({ ...state, wish });
    case 'calling':
      // The attempt reports its outcome: it may have finished before.
      return to({ ...state, wish }, { type: 'cancel-attempt', why: 'stopped' });
    case 'loading-history':
    case 'loading-media':
    case 'waiting':
      return to(concluding(wish, stopped), { type: 'end-wait' });
    case 'concluding':
    case 'written':
      return to({ ...state, wish });
    default:
      return state satisfies never;
  }
}

function afterLookUp(
  { wish: before, task }: Extract<AnswerState, { name: 'looking-up' }>,
  past: MessagePast,
  { usesHistory }: AnswerRules,
): Transition {
  if (past === 'repeat') return to({ name: 'over' }, { type: 'forget-repeat' });
  const wish = past === 'deleted' ? 'nothing' : before;
  if (task.type === 'fail') {
    const { reason, detail } = task;
    return to(concluding(wish, { keep: reason === 'STOPPED' ? 'stopped' : 'nothing', reason, detail }));
  }
  if (wish !== 'reply') return to(concluding(wish, stopped));
  return to({ name: usesHistory ? 'loading-history' : 'calling', wish, attempt: task.attempt, tries: 1 });
}

const kept = { none: 'nothing', part: 'incomplete', whole: 'completed' } as const;

function afterWait(state: Extract<AnswerState, { name: 'waiting' }>): AnswerState {
  const { wish, attempt, tries, failedAtMs, broken } = state;
  return { name: 'calling', wish, attempt, tries, failedAtMs, ...(broken !== undefined && { broken }) };
}

function afterAttempt(
  state: Extract<AnswerState, { name: 'calling' }>,
  outcome: AttemptOutcome,
  rules: AnswerRules,
): AnswerState {
  switch (outcome.type) {
    case 'whole':
      return concluding(state.wish, endFor('PROVIDER_FAILED', 'completed'));
    case 'truncated':
      return concluding(state.wish, endFor('PROVIDER_FAILED', 'incomplete'));
    case 'stopped':
      return concluding(state.wish, stopped);
    case 'abandoned':
      return state;
    case 'unfunded':
      return concluding(state.wish, endFor('BUDGET_EXHAUSTED', kept[outcome.text]));
    case 'failed':
      return afterFailure(state, outcome, rules);
    default:
      return outcome satisfies never;
  }
}

function afterFailure(
  { wish, attempt, tries, failedAtMs: before, broken: brokenBefore = 0 }: Extract<AnswerState, { name: 'calling' }>,
  outcome: Extract<AttemptOutcome, { type: 'failed' }>,
  { maxAttempts, retryMs }: AnswerRules,
): AnswerState {
  const { atMs, cause, notBeforeMs, text, chance } = outcome;
  const broken = brokenBefore + Number(outcome.isBroken);
  const counted = { attempt: attempt + 1, ...(broken > 0 && { broken }) };
  const next = { ...counted, tries, ...(before !== undefined && { failedAtMs: before }) };
  if (outcome.lacksMedia) {
    return wish === 'reply' ? { name: 'loading-media', wish, ...next } : concluding(wish, stopped);
  }
  const failedAtMs = before ?? atMs;
  const leftMs = failedAtMs + retryMs - atMs;
  if (tries >= maxAttempts || broken >= maxBrokenAttempts || leftMs <= 0 || notBeforeMs > retryMaxDelayMs) {
    const reason = longFailure(outcome.reason, notBeforeMs);
    // A client that can read the answer, or the beginning of it, is better off than one that is told there is none.
    return concluding(wish, {
      ...endFor(reason, kept[text]),
      ...(cause !== '' && { cause }),
    });
  }
  if (wish !== 'reply') return concluding(wish, stopped);
  const backOff = backOffMs(tries, retryInitialDelayMs, retryMaxDelayMs, () => chance);
  const delayMs = Math.max(Math.min(backOff, leftMs), notBeforeMs);
  return { name: 'waiting', wish, ...counted, tries: tries + 1, failedAtMs, delayMs, reason: outcome.reason };
}
