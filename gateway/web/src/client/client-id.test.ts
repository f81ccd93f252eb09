import { expect, test } from '@jest/globals';
import { chosenClientId } from './client-id.ts';
import { JsonStorage } from './json-storage.ts';
import { MemoryStorage } from './memory-storage.ts';

function pageAt(first: string) {
  let url = first;
  return {
    url: () => url,
    replaceUrl: (next: string) => {
      url = next;
    },
  };
}

test('a browser is one client, until its address asks for another', () => {
  const storage = new JsonStorage(new MemoryStorage(), 'parley/');
  const chosen = chosenClientId(storage, pageAt('http://127.0.0.1:8080/'));
  expect(chosen).toMatch(/^web-/);
  expect(chosenClientId(storage, pageAt('http://127.0.0.1:8080/#/c/one'))).toBe(chosen);
  const asking = pageAt('http://127.0.0.1:8080/#/as/ann%40home');
  expect(chosenClientId(storage, asking)).toBe('ann@home');
  expect(asking.url()).toBe('http://127.0.0.1:8080/#/');
  expect(chosenClientId(storage, pageAt('http://127.0.0.1:8080/'))).toBe('ann@home');
});
