import { describe, expect, test } from '@jest/globals';
import { Journal } from '../app/journal.ts';
import { tracedLog } from '../app/traced-log.ts';
import { ProviderError } from '../ports/provider.ts';
import { messageReceived } from '../testing/conversation-events.ts';
import { eventCodec } from '../testing/event-codec.ts';
import { RecordedTracer } from '../testing/recorded-tracer.ts';
import { type ScriptedCall, ScriptedProvider } from '../testing/scripted-provider.ts';
import { eventually } from '../testing/test-sessions.ts';
import { WorkerWorld } from '../testing/worker-world.ts';

function answering(answer: (call: ScriptedCall) => void): ScriptedProvider {
  const provider = new ScriptedProvider();
  provider.answer = answer;
  return provider;
}

/** A message that came in the trace of this step; gives the record's. */
async function say(world: WorkerWorld, messageId: string, trace = 'received'): Promise<string> {
  const tracer = new RecordedTracer();
  const journal = new Journal(tracedLog(world.journal.log, tracer), eventCodec, 'test');
  const message = messageReceived(messageId, {});
  await journal.appendConversation(0, message.conversationId, [message], { traceparent: trace });
  const [sent] = tracer.of('append');
  expect(sent).toMatchObject({ parent: trace, step: { event: 'MessageReceived', messageId } });
  return String(sent?.traceparent);
}

/** The traces in the log, in order. */
async function logged(world: WorkerWorld): Promise<readonly string[]> {
  const entries = await world.journal.read('test.conversations', 0, 0, 99);
  return entries.flatMap(({ trace }) => (trace === undefined ? [] : [trace.traceparent]));
}

async function ended(tracer: RecordedTracer): Promise<void> {
  await eventually(
    async () => tracer.of('process').length === 1 && tracer.open === 0,
    (isOver) => isOver,
  );
}

describe('an answer', () => {
  test('goes on from its message, call by call, and its end carries the trace on', async () => {
    await using world = await WorkerWorld.open();
    const sent = await say(world, 'c/1');
    const tracer = new RecordedTracer();
    let calls = 0;
    const provider = answering((call) => {
      calls += 1;
      if (calls === 1) call.fail(new ProviderError('not now', true));
      else call.say('Yes.').end();
    });
    world.worker({ tracer, provider });
    await world.ended('completed', 'c/1');
    await ended(tracer);
    const [processed] = tracer.of('process');
    expect(processed).toMatchObject({ parent: sent, outcome: {}, step: { offset: 0, partition: 0, messageId: 'c/1' } });
    const parent = processed?.traceparent;
    expect(tracer.of('ask')).toMatchObject([
      { parent, step: { attempt: 1, model: 'scripted', output: 'text' }, outcome: { error: 'PROVIDER_FAILED' } },
      { parent, step: { attempt: 2 }, outcome: { firstPieceMs: expect.any(Number) } },
    ]);
    const [written, ...others] = tracer.of('append');
    expect(others).toEqual([]);
    expect(written).toMatchObject({ parent, step: { event: 'ReplyCompleted' } });
    expect(await logged(world)).toEqual([sent, written?.traceparent]);
  });

  test('that is given up says why', async () => {
    await using world = await WorkerWorld.open();
    const sent = await say(world, 'c/1');
    const tracer = new RecordedTracer();
    world.worker({ tracer, provider: answering((call) => call.fail(new ProviderError('never', false))) });
    await world.ended('failed', 'c/1');
    await ended(tracer);
    expect(tracer.of('process')).toMatchObject([{ outcome: { error: 'PROVIDER_REFUSED' } }]);
    expect(tracer.of('ask')).toMatchObject([{ outcome: { error: 'PROVIDER_REFUSED' } }]);
    expect(await logged(world)).toEqual([sent, tracer.of('append')[0]?.traceparent]);
  });

  test('that another worker takes over is traced there too, from the message on', async () => {
    await using world = await WorkerWorld.open();
    const sent = await say(world, 'c/1');
    const [first, second] = [new RecordedTracer(), new RecordedTracer()];
    const stuck = world.worker({ tracer: first });
    await eventually(
      async () => stuck.provider.asked,
      (asked) => asked.length === 1,
    );
    world.worker({ tracer: second, provider: answering((call) => call.say('Now.').end()) });
    await world.ended('completed', 'c/1');
    await Promise.all([ended(first), ended(second)]);
    expect(first.of('process')).toMatchObject([{ parent: sent, outcome: { error: 'ABANDONED' } }]);
    expect(first.of('ask')).toMatchObject([{ outcome: { error: 'ABANDONED' } }]);
    expect(second.of('process')).toMatchObject([{ parent: sent, outcome: {} }]);
    expect(second.of('ask')).toMatchObject([{ step: { attempt: 2 } }]);
  });

  test('to a repeat ends with that', async () => {
    await using world = await WorkerWorld.open();
    await say(world, 'c/1');
    // What its worker knows begins after the first of the two.
    await world.journal.log.commit('test.workers', 'test.conversations', 0, (await world.entries()).length);
    const again = await say(world, 'c/1', 'received again');
    const tracer = new RecordedTracer();
    world.worker({ tracer });
    await ended(tracer);
    expect(tracer.of('process')).toMatchObject([{ parent: again, outcome: { error: 'REPEAT' } }]);
    expect(tracer.ended).toHaveLength(1);
  });

  test('to a message that is not traced leaves no span', async () => {
    await using world = await WorkerWorld.open();
    const tracer = new RecordedTracer();
    world.worker({ tracer, provider: answering((call) => call.say('Yes.').end()) });
    await world.say('c/1');
    await world.ended('completed', 'c/1');
    expect(await logged(world)).toEqual([]);
    expect([tracer.open, tracer.ended]).toEqual([0, []]);
  });
});
