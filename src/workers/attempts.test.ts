import { describe, expect, test } from '@jest/globals';
import { settings } from '../config/settings.ts';
import { maxPieceBytes, maxReplyBytes } from '../domain/limits.ts';
import type { LiveDelay, LiveEvent } from '../ports/live-bus.ts';
import { ProviderError } from '../ports/provider.ts';
import { stopRequested } from '../testing/conversation-events.ts';
import { type ScriptedCall, ScriptedProvider } from '../testing/scripted-provider.ts';
import { eventually } from '../testing/test-sessions.ts';
import { counted, WorkerWorld } from '../testing/worker-world.ts';
import { orphansLookedForMs } from './limits.ts';

/** Each call is led by the next of these; the last leads all that come after. */
function provider(...scripts: readonly ((call: ScriptedCall) => void)[]): ScriptedProvider {
  const scripted = new ScriptedProvider();
  scripted.answer = (call) => (scripts[scripted.calls.length - 1] ?? scripts.at(-1))?.(call);
  return scripted;
}

const answer = (call: ScriptedCall) => call.say('Here you are.').end();
const fail = (error: unknown) => (call: ScriptedCall) => call.fail(error);
const busy = new ProviderError('busy at host 10.0.0.7', true);

const about = { type: 'delay', messageId: 'c/1', replyMessageId: expect.any(String) } as const;

describe('a provider that fails', () => {
  test('is asked again, each time as a new attempt that supersedes the draft', async () => {
    await using world = await WorkerWorld.open();
    const scripted = provider(
      (call) => call.say('Here y'),
      () => {},
      answer,
    );
    const { metrics } = world.worker({ provider: scripted });
    await world.say('c/1');
    // An attempt is shown once its start was read back: one that fails before that is not shown at all.
    await world.heard('c/1');
    scripted.callFor('c/1').fail(busy);
    await world.logged('started c/1 #2');
    scripted.callFor('c/1').fail(busy);
    expect(await world.ended('completed', 'c/1')).toMatchObject({
      attempt: 3,
      parts: [{ kind: 'text', text: 'Here you are.' }],
    });
    expect(await world.story()).toEqual([
      'received c/1',
      'started c/1 #1',
      'started c/1 #2',
      'started c/1 #3',
      'completed c/1 #3',
    ]);
    expect(world.live.map(({ attempt, text }) => [attempt, text])).toEqual([
      [1, 'Here y'],
      [3, 'Here you are.'],
    ]);
    await counted(metrics, { error: 2, completed: 1 });
    expect(world.delays).toContainEqual({
      ...about,
      attempt: 1,
      retryInMs: expect.any(Number),
      reason: 'PROVIDER_FAILED',
    });
  });

  // Cause: whoever waited for the reply was told nothing of it for a minute.
  test('is waited for in sight of whoever watches, also of who comes meanwhile, until it is asked again', async () => {
    await using world = await WorkerWorld.open();
    const scripted = provider(fail(new ProviderError('busy', true, 9_000)), () => {});
    world.worker({ provider: scripted, haste: 1 });
    await world.say('c/1');
    const [told] = await eventually(
      async () => world.delays,
      (delays) => delays.length > 0,
    );
    expect(told).toMatchObject({ ...about, attempt: 1 });
    const drafts: LiveEvent[] = [];
    world.bus.requestDrafts('c', (event) => drafts.push(event));
    expect(drafts).toEqual([{ ...about, attempt: 1, retryInMs: expect.any(Number), reason: 'PROVIDER_FAILED' }]);
    const [asked] = drafts.filter(({ type }) => type === 'delay') as LiveDelay[];
    expect(asked?.retryInMs).toBeGreaterThan(0);
    expect(asked?.retryInMs).toBeLessThanOrEqual(told?.retryInMs ?? 0);
    await world.append(stopRequested('c/1'));
    await world.logged('STOPPED c/1 #1');
    expect(scripted.calls).toHaveLength(1);
  });

  test('every time makes the message fail, without a word on why inside', async () => {
    await using world = await WorkerWorld.open();
    world.worker({ provider: provider(fail(busy)), settings: { maxAttempts: 2 } });
    await world.say('c/1');
    expect(await world.ended('failed', 'c/1')).toMatchObject({
      reason: 'PROVIDER_FAILED',
      detail: 'The model failed at every attempt.',
    });
    expect((await world.story()).at(-1)).toBe('PROVIDER_FAILED c/1 #2');
  });

  test.each([
    // Cause: a request that the model server refuses at once was told as failed "at every attempt", with the advice to send it again.
    ['that no other attempt mends', new ProviderError('HTTP 400', false), 'PROVIDER_REFUSED'],
    ['by a defect', new TypeError('x is not a function'), 'PROVIDER_FAILED'],
  ])('%s is not asked again', async (_how, error, reason) => {
    await using world = await WorkerWorld.open();
    const worker = world.worker({ provider: provider(fail(error)) });
    await world.say('c/1');
    expect(await world.ended('failed', 'c/1')).toMatchObject({ reason });
    expect(worker.provider.calls).toHaveLength(1);
  });

  // Cause: the process's log had the provider's message alone, and so nothing of a defect in reading the media for it.
  test('for good is logged with what lies beneath, and for a moment without', async () => {
    await using world = await WorkerWorld.open();
    const defect = new TypeError('x is not a function');
    const busy = new ProviderError('no connection (ECONNREFUSED)', true, undefined, { cause: defect });
    const unreadable = new ProviderError('what was sent cannot be read', false, undefined, { cause: defect });
    const worker = world.worker({ provider: provider(fail(busy), fail(unreadable)) });
    await world.say('c/1');
    await world.ended('failed', 'c/1');
    const failures = worker.warned.filter((fields) => 'cause' in fields);
    expect(failures).toMatchObject([{ cause: busy.message }, { cause: unreadable.message, err: defect }]);
    expect(failures[0]).not.toHaveProperty('err');
  });

  // Causes: each of these was told as PROVIDER_FAILED, with the advice to say it again, and its cause stood nowhere but in the worker's own log.
  test.each([
    ['for long', new ProviderError('HTTP 429', true, 3_600_000), 'PROVIDER_BUSY'],
    [
      'until its key is right',
      new ProviderError('HTTP 401', false, undefined, { fault: 'access denied' }),
      'PROVIDER_ACCESS_DENIED',
    ],
    [
      'until it has the model',
      new ProviderError('HTTP 404', false, undefined, { fault: 'model not found' }),
      'PROVIDER_MODEL_NOT_FOUND',
    ],
    ['until it is paid', new ProviderError('HTTP 402', false, undefined, { fault: 'quota exceeded' }), 'PROVIDER_BUSY'],
    [
      'until another server is named',
      new ProviderError('HTML', false, undefined, { fault: 'not a model server' }),
      'PROVIDER_MODEL_NOT_FOUND',
    ],
  ])('and is of no use %s is asked once, and the operator is told why', async (_how, error, reason) => {
    await using world = await WorkerWorld.open();
    const worker = world.worker({ provider: provider(fail(error)) });
    await world.say('c/1');
    const ended = await world.ended('failed', 'c/1');
    expect(ended).toMatchObject({ reason, cause: error.message });
    expect((ended as { detail: string }).detail).not.toContain(error.message);
    expect(worker.provider.calls).toHaveLength(1);
  });

  test('for its rate limit at every attempt is told as one that is busy', async () => {
    await using world = await WorkerWorld.open();
    const limited = new ProviderError('HTTP 429', true, undefined, { fault: 'rate limited' });
    const worker = world.worker({ provider: provider(fail(limited)), haste: 100 });
    await world.say('c/1');
    expect(await world.ended('failed', 'c/1')).toMatchObject({ reason: 'PROVIDER_BUSY', cause: 'HTTP 429' });
    expect(worker.provider.calls.length).toBeGreaterThan(1);
  });

  // Cause: three attempts were over within two seconds, and a model server that was started again cost every message that came meanwhile.
  test('is asked again for as long as a server takes to start', async () => {
    await using world = await WorkerWorld.open();
    const { PARLEY_MAX_ATTEMPTS, PARLEY_RETRY_MS } = settings;
    const defaults = { maxAttempts: Number(PARLEY_MAX_ATTEMPTS.default), retryMs: Number(PARLEY_RETRY_MS.default) };
    const scripted = provider(fail(new ProviderError('ECONNREFUSED', true)));
    const { clock } = world.worker({ provider: scripted, settings: defaults, haste: 100 });
    const beginMs = clock.monotonicMs();
    await world.say('c/1');
    await world.ended('failed', 'c/1');
    expect(clock.monotonicMs() - beginMs).toBeGreaterThanOrEqual(60_000);
    expect(scripted.calls.length).toBeGreaterThan(4);
  });

  test('is not waited for after a stop', async () => {
    await using world = await WorkerWorld.open();
    const scripted = provider(fail(new ProviderError('busy', true, 9_999)));
    world.worker({ provider: scripted, haste: 1 });
    await world.say('c/1');
    await world.logged('started c/1 #1');
    await world.append(stopRequested('c/1'));
    expect(await world.ended('failed', 'c/1')).toMatchObject({ reason: 'STOPPED' });
    expect(scripted.calls).toHaveLength(1);
  });

  test('is left alone for as long as it says, otherwise longer each time', async () => {
    await using world = await WorkerWorld.open();
    const scripted = provider(fail(busy), fail(busy), fail(new ProviderError('busy', true, 4_321)), answer);
    const { clock } = world.worker({ provider: scripted, settings: { maxAttempts: 4 } });
    await world.say('c/1');
    await world.ended('completed', 'c/1');
    expect(clock.slept.filter((ms) => ms >= 250 && ms < orphansLookedForMs)).toEqual([250, 500, 4_321]);
  });

  test('keeps its place in processing while it is left alone', async () => {
    await using world = await WorkerWorld.open();
    const scripted = provider(fail(new ProviderError('busy', true, 2_000)), answer);
    world.worker({ provider: scripted, settings: { maxProcessingPerPartition: 1 } });
    await world.say('c/1');
    await world.say('d/1');
    await world.ended('completed', 'd/1');
    expect(scripted.asked).toEqual(['c/1', 'c/1', 'd/1']);
  });

  test('by saying nothing at all is asked again', async () => {
    await using world = await WorkerWorld.open();
    world.worker({ provider: provider((call) => call.end(), answer) });
    await world.say('c/1');
    expect(await world.ended('completed', 'c/1')).toMatchObject({ attempt: 2 });
  });
});

describe('a provider that takes too long', () => {
  const limits = { firstPieceTimeoutMs: 2_000, pieceTimeoutMs: 1_000, totalTimeoutMs: 5_000, maxAttempts: 1 };

  // Cause: what was said of a reply that broke off was thrown away, and the message told to have failed.
  test.each<[string, object, (call: ScriptedCall) => void, object]>([
    [
      'for its first piece',
      { ...limits, pieceTimeoutMs: 600_000, totalTimeoutMs: 600_000 },
      () => {},
      { type: 'ReplyFailed', reason: 'PROVIDER_TIMEOUT' },
    ],
    [
      'between two pieces',
      { ...limits, firstPieceTimeoutMs: 600_000, totalTimeoutMs: 600_000 },
      (call) => call.say('Well, '),
      { outcome: 'completed', incomplete: true, parts: [{ kind: 'text', text: 'Well, ' }] },
    ],
    [
      'over the whole reply',
      { ...limits, firstPieceTimeoutMs: 600_000, pieceTimeoutMs: 600_000 },
      (call) => call.say('Well, '),
      { outcome: 'completed', incomplete: true, parts: [{ kind: 'text', text: 'Well, ' }] },
    ],
  ])('%s has failed, and what it said is kept', async (_where, settings, script, end) => {
    await using world = await WorkerWorld.open();
    const worker = world.worker({ provider: provider(script), settings });
    await world.say('c/1');
    expect(await world.ended('type' in end ? 'failed' : 'completed', 'c/1')).toMatchObject(end);
    expect(worker.provider.calls[0]?.signal.aborted).toBe(true);
    await counted(worker.metrics, { timeout: 1, ['type' in end ? 'PROVIDER_TIMEOUT' : 'completed']: 1 });
  });

  test('over the first attempts keeps what one of them said, when the others say nothing', async () => {
    await using world = await WorkerWorld.open();
    const scripted = provider((call) => call.say('Once upon').fail(busy), fail(busy));
    world.worker({ provider: scripted, settings: { maxAttempts: 2 } });
    await world.say('c/1');
    expect(await world.ended('completed', 'c/1')).toMatchObject({
      attempt: 2,
      incomplete: true,
      parts: [{ kind: 'text', text: 'Once upon' }],
    });
  });

  test('is asked again', async () => {
    await using world = await WorkerWorld.open();
    world.worker({ provider: provider(() => {}, answer), settings: { ...limits, maxAttempts: 2 } });
    await world.say('c/1');
    expect(await world.ended('completed', 'c/1')).toMatchObject({ attempt: 2 });
  });

  test('may take any time in all its pauses together, as long as each is short', async () => {
    await using world = await WorkerWorld.open();
    // Three seconds of the machine's time, so that it may do other things as well.
    const longestPauseMs = 60_000;
    const patient = { firstPieceTimeoutMs: longestPauseMs, pieceTimeoutMs: longestPauseMs, totalTimeoutMs: 600_000 };
    const worker = world.worker({ provider: provider(() => {}), settings: { ...limits, ...patient } });
    await world.say('c/1');
    await eventually(
      async () => worker.provider.calls,
      (calls) => calls.length === 1,
    );
    const beginMs = worker.clock.monotonicMs();
    while (worker.clock.monotonicMs() < beginMs + 1.5 * longestPauseMs) {
      worker.provider.callFor('c/1').say('and ');
      await worker.clock.sleep(longestPauseMs / 100);
    }
    worker.provider.callFor('c/1').end();
    expect(await world.ended('completed', 'c/1')).toMatchObject({ outcome: 'completed' });
  });
});

describe('a reply', () => {
  test('in large pieces is told in small ones, at the right bytes', async () => {
    await using world = await WorkerWorld.open();
    const whole = 'äöü€😀 '.repeat(20_000);
    world.worker({ provider: provider((call) => call.say(whole, 'end').end()) });
    await world.say('c/1');
    expect(await world.ended('completed', 'c/1')).toMatchObject({ parts: [{ kind: 'text', text: `${whole}end` }] });
    let text = '';
    for (const piece of world.live) {
      expect(piece.offsetBytes).toBe(Buffer.byteLength(text));
      expect(Buffer.byteLength(piece.text)).toBeLessThanOrEqual(maxPieceBytes);
      text += piece.text;
    }
    expect(text).toBe(`${whole}end`);
  });

  test('whose characters are cut by its pieces is put together again; half a character is none', async () => {
    await using world = await WorkerWorld.open();
    world.worker({ provider: provider((call) => call.say('\ud83d', '\ude00 ok ', '\ud83d').end()) });
    await world.say('c/1');
    expect(await world.ended('completed', 'c/1')).toMatchObject({ parts: [{ kind: 'text', text: '😀 ok \ufffd' }] });
    expect(world.live.map(({ offsetBytes, text }) => [offsetBytes, text])).toEqual([[0, '😀 ok \ufffd']]);
  });

  test('that is too long is cut off and fails', async () => {
    await using world = await WorkerWorld.open();
    const worker = world.worker({ provider: provider((call) => call.say('x'.repeat(maxReplyBytes), '!', 'more')) });
    await world.say('c/1');
    expect(await world.ended('failed', 'c/1')).toMatchObject({ reason: 'PROVIDER_REFUSED' });
    expect(worker.provider.calls).toHaveLength(1);
    expect(worker.provider.calls[0]?.signal.aborted).toBe(true);
  });
});
