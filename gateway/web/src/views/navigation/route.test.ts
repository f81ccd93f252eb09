import { describe, expect, test } from '@jest/globals';
import { hashOf, type Route, routeAfter, routeOf } from './route.ts';

const conversation = (conversationId: string): Route => ({ kind: 'conversation', conversationId });

test('reads what it writes', () => {
  const routes: readonly Route[] = [
    { kind: 'new' },
    conversation('a/b?c#d %41 ü'),
    { kind: 'settings' },
    { kind: 'operator', messageId: '' },
    { kind: 'operator', messageId: 'm/1' },
  ];
  expect(routes.map((route) => routeOf(hashOf(route)))).toEqual(routes);
});

test('asks for nothing where the address is none of its own, or broken', () => {
  const hashes = ['', '#', '#c/1', '#/c', '#/c/', '#/c/%', '#/elsewhere', '#search=1'];
  expect(hashes.map((hash) => routeOf(hash).kind)).toEqual(hashes.map(() => 'unsaid'));
});

describe('the address', () => {
  test('names a new conversation once something is said in it', () => {
    expect(routeAfter({ kind: 'new' }, { id: 'c-1', lastId: '', hasWords: false })).toBeUndefined();
    expect(routeAfter({ kind: 'unsaid' }, { id: '', lastId: '', hasWords: true })).toBeUndefined();
    expect(routeAfter({ kind: 'new' }, { id: 'c-1', lastId: 'c-1', hasWords: true })).toEqual(conversation('c-1'));
  });

  test('leaves a conversation that was left', () => {
    expect(routeAfter(conversation('c-1'), { id: 'c-2', lastId: 'c-1', hasWords: false })).toEqual({ kind: 'new' });
    expect(routeAfter(conversation('c-1'), { id: 'c-2', lastId: 'c-1', hasWords: true })).toEqual(conversation('c-2'));
  });

  test('leads to a conversation that is not open yet', () => {
    expect(routeAfter(conversation('c-1'), { id: 'blank', lastId: '', hasWords: false })).toBeUndefined();
    expect(routeAfter(conversation('c-1'), { id: 'c-1', lastId: 'blank', hasWords: false })).toBeUndefined();
  });

  test('stays with the operator', () => {
    const here: Route = { kind: 'operator', messageId: '' };
    expect(routeAfter(here, { id: 'c-1', lastId: '', hasWords: true })).toBeUndefined();
  });
});
