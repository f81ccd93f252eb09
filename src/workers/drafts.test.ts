import { describe, expect, test } from '@jest/globals';
import { maxReplyBytes } from '../domain/limits.ts';
import { type GeneratedMedia, ProviderError } from '../ports/provider.ts';
import {
  messageReceived,
  replyProgress,
  replyStarted,
  stopRequested,
  workerClaimed,
} from '../testing/conversation-events.ts';
import { type ScriptedCall, ScriptedProvider } from '../testing/scripted-provider.ts';
import { eventually } from '../testing/test-sessions.ts';
import { type WorkerOptions, WorkerWorld } from '../testing/worker-world.ts';
import { draftStretchBytes } from './limits.ts';

/** Each call is led by the next of these; the last leads all that come after. */
function provider(continues: boolean, ...scripts: readonly ((call: ScriptedCall) => void)[]): ScriptedProvider {
  const scripted = new ScriptedProvider();
  scripted.continues = continues;
  scripted.answer = (call) => (scripts[scripted.calls.length - 1] ?? scripts.at(-1))?.(call);
  return scripted;
}

const begun = (scripted: ScriptedProvider) => scripted.calls.map(({ request }) => request.begun);
const said = (text: string) => [{ kind: 'text', text }];
const deleted = { type: 'ConversationDeleted', conversationId: 'c' } as const;

async function asked(scripted: ScriptedProvider, times = 1): Promise<void> {
  await eventually(
    async () => scripted.calls.length,
    (count) => count >= times,
  );
}

/** What the log has of drafts, and where each start says that it goes on from. */
async function drafts(world: WorkerWorld): Promise<readonly string[]> {
  return (await world.events()).flatMap((event) => {
    if (event.type === 'ReplyStarted') return [`#${event.attempt} from ${event.continuedBytes}`];
    return event.type === 'ReplyProgress' ? [`#${event.attempt} ${event.offsetBytes} ${event.text}`] : [];
  });
}

async function written(world: WorkerWorld, line: string): Promise<void> {
  await eventually(
    () => drafts(world),
    (lines) => lines.includes(line),
  );
}

/** A partition whose worker was lost when the log had this of its reply to `c/1`. */
async function lost(text = 'Grüße '): Promise<WorkerWorld> {
  const world = await WorkerWorld.open();
  await world.append(workerClaimed('a'));
  await world.say('c/1');
  await world.append(replyStarted('c/1', 'a'), replyProgress('c/1', 'a', { offsetBytes: 0, text }));
  return world;
}

/** The same, and another worker that takes over. */
async function taken(world: WorkerWorld, scripted: ScriptedProvider, options: WorkerOptions = {}): Promise<void> {
  world.worker({ provider: scripted, ...options });
  await asked(scripted);
}

describe('a worker that takes over from a lost one', () => {
  test('goes on from what the log has, where its provider can, and the reply is whole', async () => {
    await using world = await lost();
    const scripted = provider(true, (call) => call.say('aus ', 'Köln').end());
    await taken(world, scripted);
    expect(await world.ended('completed', 'c/1')).toMatchObject({ attempt: 2, parts: said('Grüße aus Köln') });
    expect(begun(scripted)).toEqual(['Grüße ']);
    expect((await drafts(world)).slice(2)).toEqual(['#2 from 8']);
    expect(world.live.map(({ attempt, offsetBytes, text }) => [attempt, offsetBytes, text])).toEqual([
      [2, 8, 'aus Köln'],
    ]);
  });

  test('begins anew where its provider cannot go on', async () => {
    await using world = await lost();
    const scripted = provider(false, (call) => call.say('Hello').end());
    await taken(world, scripted);
    expect(await world.ended('completed', 'c/1')).toMatchObject({ attempt: 2, parts: said('Hello') });
    expect(begun(scripted)).toEqual(['']);
    expect((await drafts(world)).slice(2)).toEqual(['#2 from 0']);
  });

  test('tells whoever comes late the whole text, what the lost one had said included', async () => {
    await using world = await lost();
    await taken(
      world,
      provider(true, (call) => call.say('aus')),
    );
    await world.heard('c/1');
    const draft: unknown[] = [];
    world.bus.requestDrafts('c', (piece) => draft.push(piece));
    expect(draft).toEqual([expect.objectContaining({ attempt: 2, offsetBytes: 0, text: 'Grüße aus' })]);
  });

  test('takes what the log has for the reply when nothing follows it', async () => {
    await using world = await lost();
    await taken(
      world,
      provider(true, (call) => call.end()),
    );
    expect(await world.ended('completed', 'c/1')).toMatchObject({ outcome: 'completed', parts: said('Grüße ') });
  });

  test('makes the media of a reply whose text the lost one had said', async () => {
    await using world = await lost('Seen it.');
    const voice: GeneratedMedia = {
      type: 'media',
      kind: 'voice',
      contentType: 'audio/mpeg',
      bytes: Buffer.from('mp3'),
    };
    await taken(
      world,
      provider(true, (call) => call.say({ type: 'generating' }, voice).end()),
    );
    const end = await world.ended('completed', 'c/1');
    expect(end).toMatchObject({ parts: [...said('Seen it.'), { kind: 'voice' }] });
  });

  // Cause: that there was text, be it the lost worker's, was taken for a text that is whole when the provider began to listen.
  test('does not take what the lost one had said for the whole text when it fails to listen to what was sent', async () => {
    await using world = await lost();
    const scripted = provider(true, (call) => call.say({ type: 'generating' }).fail(new ProviderError('deaf', false)));
    await taken(world, scripted, { settings: { maxAttempts: 1 } });
    expect(await world.ended('completed', 'c/1')).toMatchObject({ incomplete: true });
  });

  test('counts what the lost one had said to the length of a reply', async () => {
    await using world = await lost('x'.repeat(maxReplyBytes));
    await taken(
      world,
      provider(true, (call) => call.say('y').end()),
    );
    expect(await world.ended('failed', 'c/1')).toMatchObject({ reason: 'PROVIDER_REFUSED' });
  });

  test('writes on from there', async () => {
    await using world = await lost();
    await taken(
      world,
      provider(true, (call) => call.say('aus Köln')),
    );
    await written(world, '#2 8 aus Köln');
  });
});

describe('a message whose worker was lost', () => {
  test('and that is stopped before another takes it up ends with its draft, under a number of its own', async () => {
    await using world = await lost();
    await world.append(stopRequested('c/1'));
    const { provider: scripted } = world.worker();
    expect(await world.ended('completed', 'c/1')).toMatchObject({
      outcome: 'stopped',
      attempt: 2,
      parts: said('Grüße '),
    });
    expect(scripted.calls).toEqual([]);
  });

  test('and whose conversation is deleted ends without a word', async () => {
    await using world = await lost();
    await world.append(deleted);
    world.worker();
    expect(await world.ended('failed', 'c/1')).toMatchObject({ reason: 'STOPPED' });
  });

  test('and that lost too many is given up, draft or not', async () => {
    await using world = await lost();
    await world.append(workerClaimed('b'), replyStarted('c/1', 'b', 2, 8), workerClaimed('d'));
    await world.append(replyStarted('c/1', 'd', 3, 8));
    world.worker({ releasesDueMs: 50 });
    expect(await world.ended('failed', 'c/1')).toMatchObject({ reason: 'POISON' });
  });

  test('and whose words were erased is not gone on with', async () => {
    await using world = await WorkerWorld.open();
    await world.append(workerClaimed('a'), messageReceived('c/1', { parts: [] }), replyStarted('c/1', 'a'));
    await world.append(replyProgress('c/1', 'a', { offsetBytes: 0, text: 'left over' }));
    const { provider: scripted } = world.worker();
    expect(await world.ended('failed', 'c/1')).toMatchObject({ reason: 'STOPPED' });
    expect(scripted.calls).toEqual([]);
  });
});

describe('another attempt of the same worker', () => {
  const busy = new ProviderError('busy', true);

  test('goes on from what is written, and not from what was only said', async () => {
    await using world = await WorkerWorld.open();
    const enough = 'x'.repeat(draftStretchBytes);
    const scripted = provider(
      true,
      () => {},
      (call) => call.say('!').end(),
    );
    // Nothing is written for its age alone.
    world.worker({ provider: scripted, haste: 1 });
    await world.say('c/1');
    await asked(scripted);
    await world.logged('started c/1 #1');
    scripted.callFor('c/1').say(enough);
    await written(world, `#1 0 ${enough}`);
    await eventually(
      async () => world.live.length,
      (pieces) => pieces > 0,
    );
    scripted.callFor('c/1').say('only said').fail(busy);
    expect(await world.ended('completed', 'c/1')).toMatchObject({ attempt: 2 });
    const [, , start] = await drafts(world);
    const from = Number(start?.slice('#2 from '.length));
    const [, { request } = { request: { begun: '' } }] = scripted.calls;
    // What was said last may have been written while it waited for its next attempt, and nothing in part.
    expect([enough, `${enough}only said`]).toContain(request.begun);
    expect([draftStretchBytes, 0]).toContain(Number.isNaN(from) ? 0 : from);
    expect(await world.ended('completed', 'c/1')).toMatchObject({ parts: said(`${request.begun}!`) });
  });

  test.each([
    ['that fails', busy],
    ['that is refused for good', new ProviderError('cannot go on', false)],
  ])('begins anew after a continuation %s before it brought anything', async (_how, error) => {
    await using world = await lost();
    const scripted = provider(
      true,
      (call) => call.fail(error),
      (call) => call.say('Hello').end(),
    );
    await taken(world, scripted);
    expect(await world.ended('completed', 'c/1')).toMatchObject({ attempt: 3, parts: said('Hello') });
    expect(begun(scripted)).toEqual(['Grüße ', '']);
    expect((await drafts(world)).slice(2)).toEqual(['#2 from 8', '#3 from 0']);
  });

  // Cause: whatever error came first was taken for a refusal to go on, and a provider that asks to be left alone was asked at once.
  test('leaves a provider alone that asks for it, also where it went on', async () => {
    await using world = await lost();
    const scripted = provider(
      true,
      (call) => call.fail(new ProviderError('busy', true, 4_321)),
      (call) => call.say('Hello').end(),
    );
    const { clock } = world.worker({ provider: scripted });
    await world.ended('completed', 'c/1');
    expect(clock.slept).toContain(4_321);
  });
});

describe('what is written of a reply', () => {
  test('is nothing when it is short and quick', async () => {
    await using world = await WorkerWorld.open();
    world.worker({ provider: provider(true, (call) => call.say('Here ', 'you are.').end()), haste: 1 });
    await world.say('c/1');
    await world.ended('completed', 'c/1');
    expect(await drafts(world)).toEqual(['#1 from 0']);
  });

  test('is what was said, also where the provider cannot go on', async () => {
    await using world = await WorkerWorld.open();
    world.worker({ provider: provider(false, (call) => call.say('Here ')) });
    await world.say('c/1');
    await written(world, '#1 0 Here ');
  });

  test('stays when the worker is drained: the next goes on from there, and none was lost', async () => {
    await using world = await WorkerWorld.open();
    const first = world.worker({ provider: provider(true, (call) => call.say('Here ')) });
    await world.say('c/1');
    await written(world, '#1 0 Here ');
    await first.drain(0);
    const scripted = provider(true, (call) => call.say('you are.').end());
    await taken(world, scripted);
    expect(await world.ended('completed', 'c/1')).toMatchObject({ attempt: 2, parts: said('Here you are.') });
  });

  test('is nothing once its conversation is deleted', async () => {
    await using world = await WorkerWorld.open();
    let isAway = true;
    const isProgress = (type: string | undefined) => type?.endsWith('.ReplyProgress') === true;
    const worker = world.worker({
      provider: provider(true, (call) => call.say('x'.repeat(draftStretchBytes))),
      fault: (records) =>
        isAway && records.some(({ headers }) => isProgress(headers['ce_type'])) ? 'refused' : 'none',
    });
    await world.say('c/1');
    await eventually(
      async () => worker.warnings,
      (warnings) => warnings.includes('a draft was not written'),
    );
    await world.append(deleted);
    await world.ended('failed', 'c/1');
    isAway = false;
    const appends = worker.log.appends;
    const fromMs = worker.clock.monotonicMs();
    await eventually(
      async () => worker.clock.monotonicMs() - fromMs,
      (ms) => ms > 5_000,
    );
    expect(worker.log.appends).toBe(appends);
    expect(await drafts(world)).toEqual(['#1 from 0']);
  });
});
