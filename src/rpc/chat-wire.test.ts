import { describe, expect, test } from '@jest/globals';
import { catalogue } from '../domain/errors/catalogue.ts';
import { eventToWire } from './chat-wire.ts';

const facts = {} as Parameters<typeof eventToWire>[1];

function rejected(reason: string, detail: string) {
  return eventToWire({ type: 'rejected', clientMessageId: 'c', messageId: 'm', reason, detail }, facts);
}

describe('a rejected message', () => {
  test('is told with the meaning of its reason, if it has no detail', () => {
    const { meaning, retryable } = catalogue.POISON;
    expect(rejected('POISON', '')).toMatchObject({ value: { reason: 'POISON', detail: meaning, retryable } });
    expect(rejected('POISON', 'three workers')).toMatchObject({ value: { detail: 'three workers' } });
  });

  test('is told with a reason of a later release, too', () => {
    const told = { reason: 'LATER_REASON', retryable: false, retryDelay: undefined };
    expect(rejected('LATER_REASON', 'why')).toMatchObject({ value: { ...told, detail: 'why' } });
    expect(rejected('constructor', '')).toMatchObject({ value: { reason: 'constructor', retryable: false } });
  });
});
