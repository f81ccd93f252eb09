import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { inProcessBus } from '../../adapters/memory/live-bus/in-process-bus.ts';
import { nodeCryptoIds } from '../../adapters/node/node-crypto-ids.ts';
import { initialAdmission } from '../../domain/admission/state.ts';
import type { MessageReceived } from '../../domain/conversation/events.ts';
import type { Refused } from '../../domain/errors/catalogue.ts';
import { LogUnavailable } from '../../ports/event-log.ts';
import { messageReceived, replyFailed } from '../../testing/conversation-events.ts';
import { StandingClock } from '../../testing/standing-clock.ts';
import { anybody } from '../caller.ts';
import type { Following } from '../following/following.ts';
import { FollowedLog } from '../following/testing/followed-log.ts';
import type { Happening } from '../security/security-recorder.ts';
import type { Admission, AdmissionListener } from './admission.ts';
import type { Hello } from './hello.ts';
import { Session, type SessionDeps } from './session.ts';
import type { SessionEvent } from './session-event.ts';
import { unlimited } from './testing/unlimited.ts';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const uncounted = { refused() {}, accepted() {}, replied() {}, historyRead() {}, sessionEnded() {}, writeRefused() {} };
const hello = {
  clientId: 'ann',
  timeZone: 'UTC',
  conversationId: '',
  resumeToken: '',
  afterSequence: 0,
  waitMs: 0,
  inlineMedia: false,
  takeOver: false,
};

/** Decides as the test says: what the fold would tell a session is told by the test. */
class DecidedAdmission
  implements Pick<Admission, 'request' | 'release' | 'touch' | 'spoke' | 'state' | 'suspended' | 'heldTokenHash'>
{
  state = initialAdmission;
  suspended = false;
  readonly requests: {
    readonly sessionId: string;
    readonly listener: AdmissionListener;
    readonly resolve: () => void;
    readonly reject: (error: Error) => void;
  }[] = [];
  readonly released: string[] = [];
  /** Of the client's session elsewhere. */
  heldHash: string | undefined;

  async heldTokenHash(): Promise<string | undefined> {
    return this.heldHash;
  }

  request({ sessionId }: { sessionId: string }, listener: AdmissionListener): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.requests.push({ sessionId, listener, resolve, reject });
    return promise;
  }

  release(sessionId: string): void {
    this.released.push(sessionId);
  }

  touch(): void {}
  spoke(): void {}

  /** The last request is acknowledged, and gets the slot or the place of the client's session elsewhere. */
  takesOver(): void {
    const { sessionId = '', resolve } = this.requests.at(-1) ?? {};
    this.state = { ...this.state, sessionOfClient: this.state.sessionOfClient.set(hello.clientId, sessionId) };
    resolve?.();
  }

  refuses(): void {
    const last = this.requests.at(-1);
    last?.listener.refused('TOO_MANY_CLIENTS');
    last?.resolve();
  }

  opens(): void {
    this.requests.at(-1)?.listener.opened();
  }

  loses(): void {
    this.requests.at(-1)?.listener.closed('GATEWAY_LOST', '');
  }

  /** The ids that were asked for, in order. */
  get sessionIds(): string[] {
    return this.requests.map(({ sessionId }) => sessionId);
  }
}

/** A step of another part that ends when the test says so. */
class Step<T> {
  readonly calls: PromiseWithResolvers<T>[] = [];
  run = (): Promise<T> => {
    const call = Promise.withResolvers<T>();
    this.calls.push(call);
    return call.promise;
  };
}

let admission: DecidedAdmission;
let starts: Step<void>;
let caughtUp: Step<void>;
let checks: Step<void>;
let clock: StandingClock;
let bus: ReturnType<typeof inProcessBus>;
let log: FollowedLog;
let following: Following;
let events: SessionEvent[];
let ends: (Refused | undefined)[];
let session: Session;
let secured: Happening[];
let opened: (own?: Partial<Hello>) => Session;

beforeEach(async () => {
  admission = new DecidedAdmission();
  [starts, caughtUp, checks] = [new Step(), new Step(), new Step()];
  [events, ends, secured] = [[], [], []];
  clock = new StandingClock();
  bus = inProcessBus();
  log = new FollowedLog();
  following = log.follow();
  await settled();
  // The session is held up in it until the test goes on.
  following.caughtUp = caughtUp.run;
  const deps = {
    admission,
    mayServe: () => !admission.suspended,
    bus,
    clock,
    ids: nodeCryptoIds,
    logger: quiet,
    metrics: uncounted,
    journal: log.journal,
    following,
    writes: { take() {}, messageWaitMs: () => 0, takeMessage() {} },
    conversations: { start: starts.run, checkOwned: checks.run, isDeleted: () => false, seen: () => 'never' as const },
    settings: {
      maxWaitForSlotMs: 30_000,
      firstMessageDeadlineMs: 60_000,
      staleAfterMs: 45_000,
      maxPendingPerClient: 10,
      maxTextBytes: 1_000,
      maxInlineBytes: 1_000,
    },
    spending: unlimited,
    security: { record: async (happening: Happening) => void secured.push(happening) },
    onIdChanged() {},
  };
  const output = {
    emit: (event: SessionEvent) => void events.push(event),
    writable: async () => {},
    end: (refused: Refused | undefined) => void ends.push(refused),
  };
  opened = (own) => {
    const caller = { ...anybody, clientAddress: '192.0.2.1' };
    const made = new Session(deps as unknown as SessionDeps, { ...hello, ...own }, caller, output);
    made.apply().catch((error: unknown) => made.end(error as Refused));
    return made;
  };
  session = opened();
  await settled();
});

afterEach(async () => {
  await bus[Symbol.asyncDispose]();
  await log[Symbol.asyncDispose]();
});

/** Everything that can go on has gone on. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

function told(type: SessionEvent['type']): SessionEvent[] {
  return events.filter((event) => event.type === type);
}

async function welcomed(): Promise<void> {
  admission.opens();
  await settled();
  starts.calls[0]?.resolve();
  await settled();
  caughtUp.calls[0]?.resolve();
  await settled();
  expect(told('welcome')).toHaveLength(1);
}

// A session whose slot was lost while it prepared to open went on to open: it was served without a slot, under an id that only stood in line.
describe('a slot that is lost while the session prepares to open', () => {
  test.each([
    ['while the conversation is begun', false],
    ['while the log is read', true],
  ])('is not opened: %s', async (_, hasBegun) => {
    admission.opens();
    await settled();
    if (hasBegun) starts.calls[0]?.resolve();
    await settled();
    admission.loses();
    starts.calls[0]?.resolve();
    await settled();
    caughtUp.calls[0]?.resolve();
    await settled();
    expect([session.isOpen, events]).toEqual([false, []]);
    expect(admission.sessionIds).toEqual([expect.any(String), session.sessionId]);

    admission.opens();
    await settled();
    expect(told('welcome')).toMatchObject([{ sessionId: session.sessionId }]);
    expect([starts.calls.length, caughtUp.calls.length, session.isOpen]).toEqual([1, 1, true]);
  });

  test('is not waited for twice when the next one is given before', async () => {
    admission.opens();
    await settled();
    admission.loses();
    admission.opens();
    await settled();
    starts.calls[0]?.resolve();
    await settled();
    caughtUp.calls[0]?.resolve();
    await settled();
    expect([starts.calls.length, caughtUp.calls.length]).toEqual([1, 1]);
    expect(told('welcome')).toMatchObject([{ sessionId: admission.sessionIds[1] }]);
  });

  test('ends nothing when what it prepared fails, and is prepared again for the next', async () => {
    admission.opens();
    await settled();
    admission.loses();
    starts.calls[0]?.reject(new LogUnavailable('away', 'not-written'));
    await settled();
    expect([ends, admission.released]).toEqual([[], []]);
    admission.opens();
    await settled();
    starts.calls[1]?.resolve();
    await settled();
    caughtUp.calls[0]?.resolve();
    await settled();
    expect(told('welcome')).toHaveLength(1);
  });

  test('ends nothing when its request turns out to have failed late', async () => {
    admission.opens();
    admission.loses();
    admission.requests[0]?.reject(new LogUnavailable('no answer', 'unknown'));
    await settled();
    expect([ends, admission.released]).toEqual([[], []]);
    admission.requests[1]?.reject(new LogUnavailable('no answer', 'unknown'));
    await settled();
    expect(ends).toMatchObject([{ reason: 'LOG_UNAVAILABLE' }]);
  });
});

describe('a conversation that the session turns to', () => {
  // It was turned to, and shown, by a session that had ended or lost its slot while the conversation was looked up.
  test.each([
    ['has ended', () => session.lost(), 'SESSION_NOT_FOUND'],
    ['has lost its slot', () => admission.loses(), 'LOG_UNAVAILABLE'],
  ])('is not shown when the session %s meanwhile', async (_, happens, reason) => {
    await welcomed();
    const { conversationId } = session;
    const joining = session.join('other', 0);
    await settled();
    happens();
    checks.calls[0]?.resolve();
    await expect(joining).rejects.toMatchObject({ reason });
    expect(session.conversationId).toBe(conversationId);
    expect(told('joined')).toEqual([]);
  });

  test('is turned to when what was said in the one before has its place', async () => {
    await welcomed();
    const { conversationId } = session;
    log.stall();
    const said = session.send({ clientMessageId: 'a', parts: [{ kind: 'text', text: 'words' }] });
    const joining = session.join('other', 0);
    await settled();
    expect([checks.calls.length, told('accepted')]).toEqual([0, []]);
    log.goOn();
    expect(await said).toMatchObject({ conversationId });
    await settled();
    checks.calls[0]?.resolve();
    expect(await joining).toBe('other');
    const order = events.map(({ type }) => type);
    expect(order.slice(order.indexOf('accepted'))).toEqual(['accepted', 'joined']);
  });
});

// Cause: what a session has said elsewhere, and has no answer to, was not known to a gateway that had not read the log so far.
test('a session is welcomed only when the log has been read', async () => {
  admission.opens();
  await settled();
  starts.calls[0]?.resolve();
  await settled();
  expect([caughtUp.calls.length, session.isOpen]).toEqual([1, false]);
  caughtUp.calls[0]?.reject(new LogUnavailable('the log is read too slowly', 'unknown'));
  await settled();
  expect(ends).toMatchObject([{ reason: 'LOG_UNAVAILABLE' }]);
});

describe('what is kept while the gateway is suspended', () => {
  /** A message of the client's, said in an earlier session of it. */
  async function withOnePending(): Promise<MessageReceived> {
    const { conversationId } = session;
    const message = messageReceived('m', { clientId: 'ann', conversationId });
    await log.append(message);
    await settled();
    await welcomed();
    return message;
  }

  async function fails({ conversationId, messageId }: MessageReceived): Promise<void> {
    await log.append({ ...replyFailed(messageId, '', 'STOPPED'), conversationId });
    await settled();
  }

  // A client that had closed its half of the stream was told that all is well, and not what had come of its message.
  test('is sent before a session ends whose client stayed only for it', async () => {
    const message = await withOnePending();
    session.leaveWhenAnswered();
    await settled();
    expect(ends).toEqual([]);
    admission.suspended = true;
    await fails(message);
    expect([told('rejected'), ends]).toEqual([[], []]);
    admission.suspended = false;
    session.sweep();
    expect([told('rejected').length, ends]).toEqual([1, [undefined]]);
  });

  // Who was given a slot again while the gateway was suspended was sent all that was kept.
  test('is kept on when the session is given a slot again', async () => {
    const message = await withOnePending();
    admission.loses();
    admission.suspended = true;
    await fails(message);
    admission.opens();
    await settled();
    expect([told('welcome').length, told('rejected')]).toEqual([2, []]);
    admission.suspended = false;
    session.sweep();
    expect(told('rejected')).toHaveLength(1);
  });
});

test('a session that its client took over from another device is in the security log, with where from', async () => {
  admission.requests.at(-1)?.resolve();
  admission.heldHash = 'hash of the token of the session elsewhere';
  opened({ takeOver: true });
  await settled();
  expect(secured).toEqual([]);
  admission.takesOver();
  await settled();
  expect(secured).toEqual([
    {
      kind: 'session_ended',
      clientId: 'ann',
      address: '192.0.2.1',
      detail: 'taken over by another session of this client',
    },
  ]);
});

test('a take-over that found no other session is not in the security log', async () => {
  opened({ takeOver: true });
  await settled();
  admission.takesOver();
  await settled();
  expect(secured).toEqual([]);
});

// Cause: who would not wait for the place in line of the other session was refused, and the log said that it was taken over.
test('a take-over that is refused is not in the security log', async () => {
  admission.heldHash = 'hash of the token of the session in line';
  opened({ takeOver: true });
  await settled();
  admission.refuses();
  await settled();
  expect(secured).toEqual([]);
});
