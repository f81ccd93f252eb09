import { create } from '@bufbuild/protobuf';
import { expect, test } from '@jest/globals';
import { MessageSchema, MessageStatus } from './gen/chat/v1/content_pb.js';
import { MessageRefused } from './refusal.ts';
import { Reply, type ReplyPiece } from './reply.ts';
import { Unread } from './unread.ts';

function message(text: string, status = MessageStatus.COMPLETED) {
  return create(MessageSchema, { status, parts: [{ value: { case: 'text', value: text } }] });
}

async function piecesOf(reply: Reply): Promise<readonly ReplyPiece[]> {
  const pieces: ReplyPiece[] = [];
  for await (const piece of reply) pieces.push(piece);
  return pieces;
}

/** Lets whoever waits go on. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('a reply is given as it grows; what begins anew replaces what was given', async () => {
  const reply = new Reply();
  const reading = piecesOf(reply);
  reply.grow('lost ');
  await turn();
  reply.grow('words');
  await turn();
  reply.restart();
  await turn();
  reply.grow('found');
  await turn();
  reply.complete(message('found it'));
  expect(await reading).toEqual([
    { text: 'lost ', isReplacement: false },
    { text: 'words', isReplacement: false },
    { text: '', isReplacement: true },
    { text: 'found', isReplacement: false },
    { text: ' it', isReplacement: false },
  ]);
});

test('a slow reader gets all of it in fewer pieces, and one that comes late from its beginning', async () => {
  const reply = new Reply();
  for (const text of ['a', 'b', 'c']) reply.grow(text);
  const iterator = reply[Symbol.asyncIterator]();
  expect((await iterator.next()).value).toEqual({ text: 'abc', isReplacement: false });
  reply.grow('d');
  reply.complete(message('other'));
  expect((await iterator.next()).value).toEqual({ text: 'other', isReplacement: true });
  expect((await iterator.next()).done).toBe(true);
  expect(await piecesOf(reply)).toEqual([{ text: 'other', isReplacement: false }]);
});

test('a reply that was stopped keeps what was drawn beyond its end', async () => {
  const reply = new Reply();
  reply.grow('as far as');
  reply.complete(message('as far', MessageStatus.STOPPED));
  expect(await piecesOf(reply)).toEqual([{ text: 'as far as', isReplacement: false }]);
});

test('a reply that will not come is told to whoever awaits or iterates it', async () => {
  const reply = new Reply();
  reply.grow('half');
  reply.fail(new MessageRefused('id', 'PROVIDER_FAILED', 'Nobody answered.'));
  await expect(reply).rejects.toMatchObject({ reason: 'PROVIDER_FAILED' });
  await expect(piecesOf(reply)).rejects.toMatchObject({ reason: 'PROVIDER_FAILED' });
});

test('a reader that is too far behind is told, behind what it can still read', async () => {
  const unread = new Unread<number>();
  for (let number = 0; number <= 20_000; number += 1) unread.push(number);
  let count = 0;
  const reading = (async () => {
    for await (const number of unread) expect(number).toBe(count++);
  })();
  await expect(reading).rejects.toThrow(RangeError);
  expect(count).toBe(10_001);
});
