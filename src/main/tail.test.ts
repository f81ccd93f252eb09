import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { EraserWorld, picture, said } from '../app/erasure/testing/eraser-world.ts';
import { messageReceived, replyCompleted, replyProgress } from '../testing/conversation-events.ts';

const parley = fileURLToPath(new URL('./parley.ts', import.meta.url));

/** What `parley tail` prints of a data folder: line by line what happened, without time and place. */
async function tail(dataDir: string, ...options: readonly string[]): Promise<string[]> {
  const env = { ...process.env, PARLEY_DATA_DIR: dataDir, PARLEY_PREFIX: 'test' };
  const args = [parley, 'tail', '--no-follow', ...options];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' ').slice(2).join(' '));
}

test('tail shows words and titles only when asked for, and says where they were erased', async () => {
  await using world = await EraserWorld.open();
  // What servers say of themselves is shown only when asked for, too.
  await world.tell('c', { type: 'WorkerClaimed', partition: 0, workerId: 'w', claimId: 'claim', maxProcessing: 50 });
  await world.say('c/1', said('hello there'), picture('p'));
  await world.tell('c', { type: 'ConversationRenamed', conversationId: 'c', title: 'my title' });
  await world.tell('c', replyProgress('c/1', 'claim', { offsetBytes: 0, text: 'and' }));
  await world.tell('c', replyCompleted('c/1', 'claim', { parts: [said('and you')] }));
  await world.tell('c', messageReceived('c/2', { instructions: 'be brief' }));
  const hidden = await tail(world.dataDir);
  expect(hidden.map((line) => line.split(' ').slice(0, 1).join())).toEqual([
    'MessageReceived',
    'ConversationRenamed',
    'ReplyProgress',
    'ReplyCompleted',
    'MessageReceived',
  ]);
  expect(hidden[0]).toContain('text=11 characters image=p (image/png, 4 bytes)');
  expect(hidden[1]).toContain('title=8 characters');
  expect(hidden[2]).toMatch(/ attempt=1 .* text=3 characters offsetBytes=0$/);
  expect(hidden[3]).toContain('text=7 characters');
  expect(hidden[4]).toContain('instructions=8 characters');
  expect((await tail(world.dataDir, '--heartbeats'))[0]).toMatch(/^WorkerClaimed /);
  const shown = (await tail(world.dataDir, '--texts')).join('\n');
  for (const words of [
    'text="hello there"',
    'title="my title"',
    'text="and"',
    'text="and you"',
    'instructions="be brief"',
  ])
    expect(shown).toContain(words);

  await world.delete('c');
  await world.eraser().round();
  const erased = await tail(world.dataDir, '--texts');
  for (const line of erased.slice(0, 5)) expect(line).toContain('words=erased');
  expect(erased.at(-1)).toMatch(/^ConversationErased conversationId=c records=5 media=1 throughSequence=\d+$/);
});

test('tail prints JSON for scripts, with the lengths of words unless they are asked for', async () => {
  await using world = await EraserWorld.open();
  await world.say('c/1', said('hello there'));
  const env = { ...process.env, PARLEY_DATA_DIR: world.dataDir, PARLEY_PREFIX: 'test' };
  const [hidden, shown] = await Promise.all(
    [[], ['--texts']].map(async (more) => {
      const args = [parley, 'tail', '--no-follow', '--json', ...more];
      return JSON.parse((await promisify(execFile)(process.execPath, args, { env })).stdout);
    }),
  );
  expect(hidden).toMatchObject({ type: 'MessageReceived', conversationId: 'c', offset: 0 });
  expect(JSON.stringify(hidden)).toContain('"11 characters"');
  expect(JSON.stringify(shown)).toContain('"hello there"');
});
