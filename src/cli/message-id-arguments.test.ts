import { expect, test } from '@jest/globals';
import { nodeCryptoIds } from '../adapters/node/node-crypto-ids.ts';
import { messageIdsLast } from './message-id-arguments.ts';

const dashed = (() => {
  for (let n = 0; ; n++) {
    const id = nodeCryptoIds.messageId('conversation', String(n));
    if (id.startsWith('-')) return id;
  }
})();

test.each([
  [
    ['explain', dashed],
    ['explain', '--', dashed],
  ],
  [
    ['explain', `${dashed}-r`, '--json'],
    ['explain', '--json', '--', `${dashed}-r`],
  ],
  [
    ['replay', '--json', '--', dashed],
    ['replay', '--json', '--', dashed],
  ],
  [
    ['replay', 'x'.repeat(22), '-h'],
    ['replay', 'x'.repeat(22), '-h'],
  ],
  [
    ['chat', '--conversation-is-unknown'],
    ['chat', '--conversation-is-unknown'],
  ],
])('%j is read as %j', (given, read) => {
  expect(messageIdsLast(given)).toEqual(read);
});
