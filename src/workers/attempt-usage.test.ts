import { describe, expect, test } from '@jest/globals';
import type { AttemptUsage, ReplyCompleted, ReplyFailed, ReplyStarted } from '../domain/conversation/events.ts';
import { ProviderError } from '../ports/provider.ts';
import { type ScriptedCall, ScriptedProvider } from '../testing/scripted-provider.ts';
import { WorkerWorld } from '../testing/worker-world.ts';

/** What the log says of each attempt at the message, in order, repeats left out. */
async function told(world: WorkerWorld, messageId: string): Promise<readonly AttemptUsage[]> {
  const usages = new Map<number, AttemptUsage>();
  for (const { decoded } of await world.entries()) {
    if (decoded.kind !== 'event' || !('messageId' in decoded.event) || decoded.event.messageId !== messageId) continue;
    const { ended = [] } = decoded.event as ReplyStarted | ReplyCompleted | ReplyFailed;
    for (const usage of ended) if (!usages.has(usage.attempt)) usages.set(usage.attempt, usage);
  }
  return [...usages.values()];
}

function scripted(...scripts: readonly ((call: ScriptedCall) => void)[]): ScriptedProvider {
  const provider = new ScriptedProvider();
  provider.answer = (call) => scripts[Math.min(provider.calls.length, scripts.length) - 1]?.(call);
  return provider;
}

const used = { inputTokens: 30, cachedInputTokens: 20, outputTokens: 5, reasoningTokens: 1 };

const prices = {
  version: 2,
  prices: {
    inputPerMillion: 1_000_000,
    cachedInputPerMillion: 100_000,
    outputPerMillion: 5_000_000,
    soundInPerMinute: 0,
    soundOutPerMinute: 0,
    pictureIn: 0,
    pictureOut: 40_000,
  },
};

describe('what attempts cost', () => {
  test('is by the prices of their call, also where a lost worker had begun it and other prices are in force', async () => {
    await using world = await WorkerWorld.open();
    world.worker({ prices, provider: scripted((call) => call.say('It is')) });
    await world.say('c/1');
    await world.logged('started c/1 #1');
    const dearer = { ...prices, version: 3, prices: { ...prices.prices, outputPerMillion: 50_000_000 } };
    const next = scripted((call) => call.say('Whole.', { type: 'usage', ...used, picturesOut: 2 }).end());
    world.worker({ prices: dearer, provider: next });
    await world.ended('completed', 'c/1');
    const [lost, completed] = await told(world, 'c/1');
    const { inputTokens = 0, outputTokens = 0 } = lost ?? {};
    expect(lost).toMatchObject({ end: 'lost', cost: { microUnits: inputTokens + 5 * outputTokens, priceVersion: 2 } });
    expect(completed).toMatchObject({ cost: { microUnits: 10 + 2 + 5 * 50 + 2 * 40_000, priceVersion: 3 } });
  });

  test('is not said where their model has no price', async () => {
    await using world = await WorkerWorld.open();
    world.worker({ provider: scripted((call) => call.say('Free.').end()) });
    await world.say('c/1');
    await world.ended('completed', 'c/1');
    const [usage] = await told(world, 'c/1');
    expect(usage).not.toHaveProperty('cost');
  });
});

describe('what attempts used', () => {
  test('is in the log as the provider says, or estimated, also of those that failed', async () => {
    await using world = await WorkerWorld.open();
    const provider = scripted(
      (call) => call.say('Half').fail(new ProviderError('cut', true)),
      (call) => call.fail(new ProviderError('refused', true)),
      (call) => call.say('Whole.', { type: 'usage', ...used, picturesOut: 2 }).end(),
    );
    world.worker({ provider });
    await world.say('c/1');
    await world.ended('completed', 'c/1');
    const common = { provider: 'scripted', model: 'scripted', durationMs: expect.any(Number) };
    const usages = await told(world, 'c/1');
    expect(usages).toMatchObject([
      { ...common, attempt: 1, end: 'failed', outputTokens: 2, firstPieceMs: expect.any(Number), estimated: true },
      { ...common, attempt: 2, end: 'failed', outputTokens: 0, estimated: true },
      { ...common, ...used, attempt: 3, end: 'completed', picturesOut: 2, soundInMs: 0, estimated: false },
    ]);
    expect(usages[0]?.inputTokens).toBeGreaterThan(0);
    expect(usages[1]).not.toHaveProperty('firstPieceMs');
  });

  test('is in the log of one that was stopped', async () => {
    await using world = await WorkerWorld.open();
    world.worker({ provider: scripted((call) => call.say('On and on')) });
    await world.say('c/1');
    await world.logged('started c/1 #1');
    await world.append({ type: 'StopRequested', conversationId: 'c', messageId: 'c/1' });
    await world.ended('completed', 'c/1');
    expect(await told(world, 'c/1')).toMatchObject([{ attempt: 1, end: 'stopped', estimated: true }]);
  });

  test('is estimated by whoever takes up what a lost worker had begun', async () => {
    await using world = await WorkerWorld.open();
    world.worker({ provider: scripted((call) => call.say('It is')) });
    await world.say('c/1');
    await world.logged('started c/1 #1');
    world.worker({ provider: scripted((call) => call.say('It is so.').end()) });
    await world.ended('completed', 'c/1');
    expect(await told(world, 'c/1')).toMatchObject([
      { attempt: 1, end: 'lost', provider: 'scripted', estimated: true, durationMs: 0 },
      { attempt: 2, end: 'completed' },
    ]);
  });
});
