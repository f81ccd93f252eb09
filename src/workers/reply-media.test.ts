import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { type MediaPart, type Part, type ReplyCompleted, textOf } from '../domain/conversation/events.ts';
import { mediaDay, newMediaId } from '../domain/media/media-id.ts';
import type { NewRecord } from '../ports/event-log.ts';
import { MediaQuotaExceeded, MediaStoreFull, MediaUnavailable } from '../ports/media-store.ts';
import { type GeneratedMedia, ProviderError } from '../ports/provider.ts';
import { messageReceived } from '../testing/conversation-events.ts';
import { type ScriptedCall, ScriptedProvider } from '../testing/scripted-provider.ts';
import { eventually } from '../testing/test-sessions.ts';
import { counted, WorkerWorld } from '../testing/worker-world.ts';

const generating = { type: 'generating' } as const;
const voice: GeneratedMedia = { type: 'media', kind: 'voice', contentType: 'audio/mpeg', bytes: Buffer.from('sound') };
const picture: GeneratedMedia = {
  type: 'media',
  kind: 'image',
  contentType: 'image/jpeg',
  bytes: Buffer.from('picture'),
};

const video = { kind: 'video', contentType: 'video/mp4', sizeBytes: 4, sha256: 'f'.repeat(64) } as const;

function provider(answer?: (call: ScriptedCall) => void): ScriptedProvider {
  const scripted = new ScriptedProvider();
  scripted.answer = answer;
  return scripted;
}

const inFull = (call: ScriptedCall) => call.say('Seen ', 'it.', generating, voice, generating, picture).end();

/** The reply to the message, as the log has it. */
async function replyTo(world: WorkerWorld, messageId: string): Promise<ReplyCompleted> {
  const reply = (await world.events()).find(
    (event) => event.type === 'ReplyCompleted' && event.messageId === messageId,
  );
  if (reply?.type !== 'ReplyCompleted') throw new Error(`no reply to ${messageId}`);
  return reply;
}

const kindsOf = (parts: readonly Part[]) => parts.map(({ kind }) => kind);

async function asked(scripted: ScriptedProvider, times = 1): Promise<void> {
  await eventually(
    async () => scripted.asked,
    (ids) => ids.length >= times,
  );
}

describe('voice and picture of a reply', () => {
  test('are stored for the client before the reply that names them is in the log, behind its text', async () => {
    await using world = await WorkerWorld.open();
    const logged: string[][] = [];
    world.media.beforePut = async () => void logged.push([...(await world.story())]);
    world.worker({ provider: provider(inFull) });
    await world.say('c/1', 'ann');
    const end = await world.ended('completed', 'c/1');
    const { parts } = await replyTo(world, 'c/1');
    expect(end).toMatchObject({ parts, outcome: 'completed' });
    expect(kindsOf(parts)).toEqual(['text', 'voice', 'image']);
    expect(world.media.stored).toHaveLength(2);
    expect(world.media.stored).toEqual(
      expect.arrayContaining(parts.slice(1).map((part) => ({ ...part, ownerId: 'ann' }))),
    );
    for (const [part, made] of [
      [parts[1] as MediaPart, voice],
      [parts[2] as MediaPart, picture],
    ] as const) {
      expect(part).toMatchObject({ contentType: made.contentType, sizeBytes: made.bytes.length });
      expect(part.sha256).toBe(createHash('sha256').update(made.bytes).digest('hex'));
      expect(await world.media.read(part.mediaId)).toEqual(made.bytes);
      expect(mediaDay(part.mediaId)).toBe(new Date().toISOString().slice(0, 10));
    }
    expect(logged).toHaveLength(2);
    for (const story of logged) expect(story).not.toContain('completed c/1 #1');
  });

  // Retries spanned a second: a store that was away for longer cost replies their voice for ever.
  test('wait for a store that is away, under the ids that they have, within the time of one attempt', async () => {
    await using world = await WorkerWorld.open();
    const putIds: string[] = [];
    let failures = 8;
    world.media.beforePut = async ({ mediaId }) => {
      putIds.push(mediaId);
      if (failures-- > 0) throw new MediaUnavailable('away');
    };
    const scripted = provider(inFull);
    const { metrics } = world.worker({ provider: scripted, settings: { maxAttempts: 1 } });
    await world.say('c/1');
    expect(await world.ended('completed', 'c/1')).toMatchObject({ attempt: 1, outcome: 'completed' });
    const { parts } = await replyTo(world, 'c/1');
    expect(kindsOf(parts)).toEqual(['text', 'voice', 'image']);
    expect(new Set(putIds).size).toBe(2);
    expect(putIds).toHaveLength(10);
    await counted(metrics, { completed: 1 });
  });

  test.each([new MediaStoreFull('no room'), new MediaQuotaExceeded('too much')])(
    'are left out where there is no room for them, at once: %s',
    async (error) => {
      await using world = await WorkerWorld.open();
      const kinds: string[] = [];
      world.media.beforePut = async ({ kind }) => {
        kinds.push(kind);
        if (kind === 'voice') throw error;
      };
      const { warnings } = world.worker({ provider: provider(inFull) });
      await world.say('c/1');
      expect(await world.ended('completed', 'c/1')).toMatchObject({ attempt: 1, outcome: 'completed' });
      expect(kindsOf((await replyTo(world, 'c/1')).parts)).toEqual(['text', 'image']);
      expect(kinds).toEqual(['voice', 'image']);
      expect(warnings).toContain('there is no room for the media of a reply');
    },
  );

  test('are stored at the same time, and named in the order in which they were made', async () => {
    await using world = await WorkerWorld.open();
    const pictureIsStored = Promise.withResolvers<void>();
    world.media.beforePut = async ({ kind }) => {
      if (kind === 'image') pictureIsStored.resolve();
      else await pictureIsStored.promise;
    };
    world.worker({ provider: provider(inFull) });
    await world.say('c/1');
    await world.ended('completed', 'c/1');
    expect(kindsOf((await replyTo(world, 'c/1')).parts)).toEqual(['text', 'voice', 'image']);
  });

  test('are no pieces: watchers are sent the text alone', async () => {
    await using world = await WorkerWorld.open();
    world.worker({ provider: provider(inFull) });
    await world.say('c/1');
    await world.ended('completed', 'c/1');
    const { parts } = await replyTo(world, 'c/1');
    expect(world.live.map(({ text }) => text).join('')).toBe(textOf(parts));
  });

  test.each<[string, (world: WorkerWorld, call: ScriptedCall) => void, string]>([
    ['cannot be made', (_, call) => call.fail(new ProviderError('no voice', false)), 'error'],
    [
      'cannot be stored',
      (world, call) => {
        world.media.beforePut = () => Promise.reject(new MediaUnavailable('disk full'));
        call.say(voice);
      },
      'timeout',
    ],
    ['are empty', (_, call) => call.say({ ...voice, bytes: Buffer.alloc(0) }), 'error'],
    ['take too long', () => {}, 'timeout'],
    [
      'take too long to be stored',
      (world, call) => {
        world.media.beforePut = () => new Promise(() => {});
        call.say(voice);
      },
      'timeout',
    ],
  ])('that %s do not cost the client a text that is whole', async (_how, fault, counter) => {
    await using world = await WorkerWorld.open();
    const { metrics, warnings } = world.worker({
      provider: provider((call) => fault(world, call.say('All said.', generating))),
      settings: { maxAttempts: 1, mediaTimeoutMs: 2_000 },
    });
    await world.say('c/1');
    expect(await world.ended('completed', 'c/1')).toMatchObject({
      parts: [{ kind: 'text', text: 'All said.' }],
      outcome: 'completed',
    });
    await counted(metrics, { [counter]: 1, completed: 1 });
    expect(warnings).toContain('an attempt to answer failed');
  });

  test('are tried again with the whole reply while attempts are left; only the last one’s are named', async () => {
    await using world = await WorkerWorld.open();
    const scripted: ScriptedProvider = provider((call) => {
      if (scripted.calls.length > 1) return inFull(call);
      call.say('Seen', generating, voice, generating).fail(new ProviderError('no paint', true));
    });
    world.worker({ provider: scripted });
    await world.say('c/1');
    await world.ended('completed', 'c/1');
    const { parts, attempt } = await replyTo(world, 'c/1');
    expect([attempt, kindsOf(parts)]).toEqual([2, ['text', 'voice', 'image']]);
    expect(world.media.stored.map(({ kind }) => kind).sort()).toEqual(['image', 'voice', 'voice']);
    for (const part of parts.slice(1))
      expect(world.media.stored.slice(1)).toContainEqual(expect.objectContaining(part));
  });

  test('that are half there are kept with the text when the rest fails', async () => {
    await using world = await WorkerWorld.open();
    world.worker({
      provider: provider((call) => call.say('Seen', generating, voice, generating).fail(new Error('no paint'))),
    });
    await world.say('c/1');
    await world.ended('completed', 'c/1');
    expect(kindsOf((await replyTo(world, 'c/1')).parts)).toEqual(['text', 'voice']);
  });

  test('that are being stored when the rest fails are kept with the text', async () => {
    await using world = await WorkerWorld.open();
    const scripted = provider((call) => call.say('Seen', generating, voice, generating));
    const storing = Promise.withResolvers<void>();
    const free = Promise.withResolvers<void>();
    world.media.beforePut = () => {
      storing.resolve();
      return free.promise;
    };
    world.worker({ provider: scripted });
    await world.say('c/1');
    await storing.promise;
    scripted.callFor('c/1').fail(new Error('no paint'));
    free.resolve();
    await world.ended('completed', 'c/1');
    expect(kindsOf((await replyTo(world, 'c/1')).parts)).toEqual(['text', 'voice']);
  });

  test('are two at most', async () => {
    await using world = await WorkerWorld.open();
    const { metrics } = world.worker({ provider: provider((call) => call.say('One', voice, picture, voice).end()) });
    await world.say('c/1');
    await world.ended('completed', 'c/1');
    expect(kindsOf((await replyTo(world, 'c/1')).parts)).toEqual(['text', 'voice', 'image']);
    await counted(metrics, { error: 1, completed: 1 });
    expect(world.media.stored).toHaveLength(2);
  });

  test('do not make a whole reply of a text that broke off', async () => {
    await using world = await WorkerWorld.open();
    world.worker({
      provider: provider((call) => call.say(generating, 'I heard ').fail(new ProviderError('broken', false))),
    });
    await world.say('c/1');
    expect(await world.ended('completed', 'c/1')).toMatchObject({
      incomplete: true,
      parts: [{ kind: 'text', text: 'I heard ' }],
    });
  });
});

describe('a stop', () => {
  test('while voice is made keeps the text and what there is of media', async () => {
    await using world = await WorkerWorld.open();
    const scripted = provider((call) => call.say('All said.', generating, voice, generating));
    world.worker({ provider: scripted });
    await world.say('c/1');
    await eventually(
      async () => world.media.stored,
      (stored) => stored.length === 1,
    );
    await world.append({ type: 'StopRequested', conversationId: 'c', messageId: 'c/1' });
    await world.ended('completed', 'c/1');
    const { parts, outcome } = await replyTo(world, 'c/1');
    expect([outcome, kindsOf(parts)]).toEqual(['stopped', ['text', 'voice']]);
    expect(scripted.callFor('c/1').signal.aborted).toBe(true);
  });

  test('while voice is stored does not wait for it, and does not name it', async () => {
    await using world = await WorkerWorld.open();
    const storing = Promise.withResolvers<void>();
    const free = Promise.withResolvers<void>();
    world.media.beforePut = () => {
      storing.resolve();
      return free.promise;
    };
    world.worker({ provider: provider(inFull) });
    await world.say('c/1');
    await storing.promise;
    await world.append({ type: 'StopRequested', conversationId: 'c', messageId: 'c/1' });
    await world.ended('completed', 'c/1');
    free.resolve();
    const { parts, outcome } = await replyTo(world, 'c/1');
    expect([outcome, kindsOf(parts)]).toEqual(['stopped', ['text']]);
  });
});

describe('the time limit of media', () => {
  const limits = { firstPieceTimeoutMs: 2_000, pieceTimeoutMs: 2_000, totalTimeoutMs: 600_000, maxAttempts: 1 };

  test.each<[string, (call: ScriptedCall) => void, (call: ScriptedCall) => void]>([
    ['listening', (call) => call.say(generating), (call) => call.say('I heard.')],
    ['making them', (call) => call.say('All said.', generating), (call) => call.say(voice)],
  ])('holds for %s instead of that between pieces', async (_what, before, after) => {
    await using world = await WorkerWorld.open();
    const scripted = provider(before);
    const { clock, metrics } = world.worker({ provider: scripted, settings: { ...limits, mediaTimeoutMs: 300_000 } });
    await world.say('c/1');
    await asked(scripted);
    await clock.sleep(3 * limits.pieceTimeoutMs);
    after(scripted.callFor('c/1'));
    scripted.callFor('c/1').end();
    expect(await world.ended('completed', 'c/1')).toMatchObject({ outcome: 'completed' });
    await counted(metrics, { completed: 1 });
  });

  test('ends listening that goes on for longer', async () => {
    await using world = await WorkerWorld.open();
    const scripted = provider((call) => call.say(generating));
    const settings = { ...limits, firstPieceTimeoutMs: 600_000, pieceTimeoutMs: 600_000, mediaTimeoutMs: 1_000 };
    world.worker({ provider: scripted, settings });
    await world.say('c/1');
    expect(await world.ended('failed', 'c/1')).toMatchObject({ reason: 'PROVIDER_TIMEOUT' });
  });

  test('is within that of the whole reply', async () => {
    await using world = await WorkerWorld.open();
    const { metrics } = world.worker({
      provider: provider((call) => call.say('All said.', generating)),
      settings: { ...limits, mediaTimeoutMs: 6_000_000, totalTimeoutMs: 3_000 },
    });
    await world.say('c/1');
    expect(await world.ended('completed', 'c/1')).toMatchObject({ parts: [{ kind: 'text', text: 'All said.' }] });
    await counted(metrics, { timeout: 1, completed: 1 });
  });
});

describe('the media of a message', () => {
  test('decide the sort of reply, and are read from the store when the provider wants them', async () => {
    await using world = await WorkerWorld.open();
    const film = Buffer.from('film');
    const sha256 = createHash('sha256').update(film).digest('hex');
    const mediaId = newMediaId('film', Date.now());
    await world.media.put({ ...video, sha256, mediaId, ownerId: 'client' }, film);
    const { provider: scripted } = world.worker({ provider: provider(inFull) });
    await world.say('c/1', 'client', [
      { kind: 'text', text: 'Look' },
      { ...video, sha256, mediaId },
    ]);
    await world.ended('completed', 'c/1');
    const { request } = scripted.callFor('c/1');
    expect(request).toMatchObject({ text: 'Look', replyKind: 'video' });
    expect(request.media).toMatchObject([{ kind: 'video', contentType: 'video/mp4', sizeBytes: 4 }]);
    expect(await request.media[0]?.bytes()).toEqual(film);
  });

  test.each<[string, readonly Part[], string]>([
    ['a text', [{ kind: 'text', text: 'Hello' }], 'text'],
    ['a voice', [{ ...video, kind: 'voice', mediaId: 'm' }], 'voice'],
    ['a picture', [{ ...video, kind: 'image', mediaId: 'm' }], 'text'],
  ])('%s is answered as such', async (_what, parts, replyKind) => {
    await using world = await WorkerWorld.open();
    const { provider: scripted } = world.worker();
    await world.say('c/1', 'client', parts);
    await asked(scripted);
    expect(scripted.callFor('c/1').request.replyKind).toBe(replyKind);
  });
});

describe('a conversation that is deleted while a reply is under way', () => {
  const deleted = { type: 'ConversationDeleted', conversationId: 'c' } as const;

  test('gets nothing of it: the message ends as stopped, without a word', async () => {
    await using world = await WorkerWorld.open();
    const scripted = provider((call) => call.say('Once upon ', 'a time', generating, voice, generating));
    world.worker({ provider: scripted });
    await world.say('c/1');
    await eventually(
      async () => world.media.stored,
      (stored) => stored.length === 1,
    );
    await world.append(deleted);
    expect(await world.ended('failed', 'c/1')).toMatchObject({ reason: 'STOPPED' });
    expect((await world.story()).slice(-1)).toEqual(['STOPPED c/1 #1']);
    const draft: unknown[] = [];
    world.bus.requestDrafts('c', (event) => draft.push(event));
    expect(draft).toEqual([]);
  });

  test('gets nothing of one that is whole and could not be written yet, nor do those who watch', async () => {
    await using world = await WorkerWorld.open();
    let refused = /\.Reply(?:Completed|Failed)$/;
    world.worker({
      provider: provider((call) => call.say('All said.').end()),
      fault: (records) => (records.some(({ headers }) => refused.test(headers['ce_type'] ?? '')) ? 'refused' : 'none'),
    });
    const draft = async () => {
      const texts: string[] = [];
      world.bus.requestDrafts('c', (event) => texts.push(event.type === 'piece' ? event.text : ''));
      return texts.join('');
    };
    await world.say('c/1');
    await eventually(draft, (text) => text === 'All said.');
    await world.append(deleted);
    await eventually(draft, (text) => text === '');
    refused = /\.ReplyCompleted$/;
    await world.logged('STOPPED c/1 #1');
    expect(await world.story()).not.toContain('completed c/1 #1');
  });
});

// A reply that the log would not take for longer than unnamed media are kept named objects that were gone by then.
describe('media of a reply that the log does not take for long', () => {
  const replies = (records: readonly NewRecord[]) =>
    records.some(({ headers }) => headers['ce_type']?.endsWith('ReplyCompleted') === true);

  async function held(world: WorkerWorld) {
    let isAway = true;
    const worker = world.worker({
      provider: provider(inFull),
      settings: { unnamedMediaLifetimeMs: 4_000 },
      fault: (records) => (isAway && replies(records) ? 'refused' : 'none'),
    });
    await world.say('c/1', 'ann');
    await eventually(
      async () => world.media.stored.length,
      (stored) => stored >= 2,
    );
    const back = () => {
      isAway = false;
    };
    return { worker, back };
  }

  test('are stored anew before they may be swept', async () => {
    await using world = await WorkerWorld.open();
    const { back } = await held(world);
    const former = world.media.stored.slice(0, 2);
    await eventually(
      async () => world.media.stored.length,
      (stored) => stored >= 4,
      10_000,
    );
    for (const { mediaId } of former) await world.media.delete(mediaId);
    back();
    await world.ended('completed', 'c/1');
    const { parts } = await replyTo(world, 'c/1');
    expect(kindsOf(parts)).toEqual(['text', 'voice', 'image']);
    for (const part of parts) if (part.kind !== 'text') await world.media.read(part.mediaId);
  });

  test('are left out when they are gone', async () => {
    await using world = await WorkerWorld.open();
    const { back, worker } = await held(world);
    for (const { mediaId } of world.media.stored) await world.media.delete(mediaId);
    const fromMs = worker.clock.monotonicMs();
    await eventually(
      async () => worker.clock.monotonicMs() - fromMs,
      (ms) => ms > 8_000,
    );
    back();
    await world.ended('completed', 'c/1');
    const { parts } = await replyTo(world, 'c/1');
    for (const part of parts) if (part.kind !== 'text') await world.media.read(part.mediaId);
    expect(parts).toContainEqual({ kind: 'text', text: 'Seen it.' });
  });
});

test('a message whose words were taken out before it was read is given up, and nobody is asked', async () => {
  await using world = await WorkerWorld.open();
  const { provider: scripted } = world.worker({ provider: provider(inFull) });
  await world.append(messageReceived('c/1', { parts: [] }));
  await world.logged('STOPPED c/1 #0');
  expect(scripted.calls).toEqual([]);
});
