import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { newMediaId } from '../domain/media/media-id.ts';
import { MediaUnavailable } from '../ports/media-store.ts';
import { ProviderError } from '../ports/provider.ts';
import { stopRequested } from '../testing/conversation-events.ts';
import { ScriptedProvider } from '../testing/scripted-provider.ts';
import { eventually } from '../testing/test-sessions.ts';
import { counted, WorkerWorld } from '../testing/worker-world.ts';

// Cause, of all here: a media store that could not be read was taken for a provider that failed, so that a short outage of the store ended
// every message with a voice, a video or a picture as PROVIDER_FAILED; and so did an object that is there no more.

const film = Buffer.from('film');
const sha256 = createHash('sha256').update(film).digest('hex');

/** A model that needs the bytes of what was sent, and reports a fault of reading them as its own, as the port says. */
function listener(): ScriptedProvider {
  const provider = new ScriptedProvider();
  provider.answer = (call) => {
    const [media] = call.request.media;
    media?.bytes().then(
      (bytes) => call.say(`Seen ${bytes.length} bytes.`).end(),
      (cause) => call.fail(new ProviderError('cannot be read', cause.retryable === true, undefined, { cause })),
    );
  };
  return provider;
}

/** A message with a video; `stored`: whose bytes are in the store. */
async function showVideo(world: WorkerWorld, stored = true): Promise<void> {
  const mediaId = newMediaId('film', Date.now());
  const video = { kind: 'video', contentType: 'video/mp4', sizeBytes: film.length, sha256, mediaId } as const;
  if (stored) await world.media.put({ ...video, ownerId: 'client' }, film);
  await world.say('c/1', 'client', [video]);
}

/** A store that is away until told, and how often it was asked meanwhile. */
function goAway(world: WorkerWorld, whileAway: 'refuses' | 'is silent') {
  const end = () => {
    world.media.beforeRead = async () => {};
  };
  const outage = { reads: 0, end };
  world.media.beforeRead = async () => {
    outage.reads += 1;
    if (whileAway === 'is silent') await new Promise(() => {});
    throw new MediaUnavailable('away');
  };
  return outage;
}

async function reads(outage: { readonly reads: number }, times: number): Promise<void> {
  await eventually(
    async () => outage.reads,
    (count) => count >= times,
  );
}

describe('a media store that cannot be read', () => {
  test('is waited for, which is no attempt that failed: the model is called again when the store answers', async () => {
    await using world = await WorkerWorld.open();
    const outage = goAway(world, 'refuses');
    const { provider, metrics } = world.worker({ provider: listener(), settings: { maxAttempts: 1 } });
    await showVideo(world);
    await reads(outage, 6);
    expect(provider.calls).toHaveLength(1);
    outage.end();
    expect(await world.ended('completed', 'c/1')).toMatchObject({ parts: [{ kind: 'text', text: 'Seen 4 bytes.' }] });
    expect(provider.calls).toHaveLength(2);
    expect(await world.story()).toEqual(['received c/1', 'started c/1 #1', 'started c/1 #2', 'completed c/1 #2']);
    await counted(metrics, { completed: 1 });
  });

  test('is waited for also when it is silent until the attempt’s time is over', async () => {
    await using world = await WorkerWorld.open();
    const outage = goAway(world, 'is silent');
    const settings = { maxAttempts: 1, firstPieceTimeoutMs: 1_000 };
    const { metrics } = world.worker({ provider: listener(), settings });
    await showVideo(world);
    await reads(outage, 1);
    outage.end();
    expect(await world.ended('completed', 'c/1')).toMatchObject({ outcome: 'completed' });
    await counted(metrics, { completed: 1 });
  });

  test('is not waited for once the client wants no more', async () => {
    await using world = await WorkerWorld.open();
    const outage = goAway(world, 'refuses');
    const { provider } = world.worker({ provider: listener() });
    await showVideo(world);
    await reads(outage, 3);
    await world.append(stopRequested('c/1'));
    expect(await world.ended('failed', 'c/1')).toMatchObject({ reason: 'STOPPED' });
    expect(provider.calls).toHaveLength(1);
  });
});

test('a message whose media are not in the store ends, and its reason says so', async () => {
  await using world = await WorkerWorld.open();
  const { provider } = world.worker({ provider: listener() });
  await showVideo(world, false);
  expect(await world.ended('failed', 'c/1')).toMatchObject({
    reason: 'MEDIA_NOT_FOUND',
    detail: 'What was sent with the message is not in the store any more.',
  });
  expect(provider.calls).toHaveLength(1);
});

test('a model that fails although it read the media has failed', async () => {
  await using world = await WorkerWorld.open();
  const provider = new ScriptedProvider();
  provider.answer = (call) => {
    void call.request.media[0]?.bytes().then(() => call.fail(new ProviderError('busy', true)));
  };
  world.worker({ provider, settings: { maxAttempts: 2 } });
  await showVideo(world);
  expect(await world.ended('failed', 'c/1')).toMatchObject({ reason: 'PROVIDER_FAILED' });
  expect(provider.calls).toHaveLength(2);
});

// A wait that only asks whether the store is back would end at once, and the next attempt would be over before the bytes are there, for ever.
test('what takes longer to read than an attempt may is read once more, and kept for the next attempt', async () => {
  await using world = await WorkerWorld.open();
  const slow = Promise.withResolvers<void>();
  const outage = { reads: 0 };
  world.media.beforeRead = async () => {
    outage.reads += 1;
    await slow.promise;
  };
  const settings = { maxAttempts: 1, firstPieceTimeoutMs: 1_000 };
  const { provider, metrics } = world.worker({ provider: listener(), settings });
  await showVideo(world);
  await reads(outage, 2);
  slow.resolve();
  await world.ended('completed', 'c/1');
  expect([provider.calls.length, outage.reads]).toEqual([2, 2]);
  await counted(metrics, { completed: 1 });
});
