import { expect, test } from '@jest/globals';
import type { LiveEvent } from '../../../ports/live-bus.ts';
import { InProcessBusServer } from './in-process-bus.ts';

const piece: LiveEvent = { type: 'piece', messageId: 'm', replyMessageId: 'r', attempt: 1, offsetBytes: 0, text: 'x' };

test('a disposed handle ends what was subscribed and served by it, and nothing of the others', async () => {
  const server = new InProcessBusServer();
  const [one, other] = [server.handle(), server.handle()];
  const heard: string[] = [];
  one.subscribe('c', () => heard.push('one'));
  other.subscribe('c', () => heard.push('other'));
  one.serveDrafts(() => [piece]);
  other.serveDrafts(() => [piece]);
  await one[Symbol.asyncDispose]();
  other.publish('c', piece);
  other.requestDrafts('c', () => heard.push('draft'));
  expect(heard).toEqual(['other', 'draft']);
  await other[Symbol.asyncDispose]();
  expect(server.size).toBe(0);
});

test('nothing goes through a disposed handle any more', async () => {
  const server = new InProcessBusServer();
  const [one, other] = [server.handle(), server.handle()];
  const heard: LiveEvent[] = [];
  const hear = (event: LiveEvent) => heard.push(event);
  other.subscribe('c', hear);
  other.serveDrafts(() => [piece]);
  await one[Symbol.asyncDispose]();
  one.publish('c', piece);
  one.requestDrafts('c', hear);
  one.subscribe('c', hear)();
  one.serveDrafts(() => [piece, piece]);
  expect(heard).toEqual([]);
  expect(server.size).toBe(2);
});

test('one handler may be subscribed more than once, and each subscription ends by itself', () => {
  const server = new InProcessBusServer();
  const bus = server.handle();
  const heard: LiveEvent[] = [];
  const leave = bus.subscribe('c', (event) => heard.push(event));
  const hear = (event: LiveEvent) => heard.push(event);
  bus.subscribe('c', hear);
  bus.subscribe('c', hear);
  leave();
  leave();
  bus.publish('c', piece);
  expect(heard).toHaveLength(2);
});
