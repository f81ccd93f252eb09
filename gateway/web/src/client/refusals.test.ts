import { describe, expect, test } from '@jest/globals';
import { catalogue } from '../../../../src/domain/errors/catalogue.ts';
import { reasonsWithWords, refusal } from './refusals.ts';

describe('the words for refusals', () => {
  test('are there for every reason of the catalogue, and for none that it no longer has', () => {
    const own = [
      'ATTACHMENTS_LOST',
      'CONVERSATION_DELETED',
      'INSECURE_PAGE',
      'ISSUER_FAILED',
      'ISSUER_UNREACHABLE',
      'NETWORK',
      'STORAGE_FULL',
      'TOO_MANY_PARTS',
    ];
    expect(reasonsWithWords().toSorted()).toEqual([...Object.keys(catalogue), ...own].toSorted());
  });

  test.each(reasonsWithWords())('are plain sentences: %s', (reason) => {
    const { title, advice } = refusal(reason);
    for (const sentence of [title, advice]) {
      expect(sentence).toMatch(/^[A-Z][^_`]*\.$/);
      expect(sentence.length).toBeLessThan(120);
    }
  });

  test('do not say the same twice where the server says nothing more', () => {
    for (const [reason, { meaning }] of Object.entries(catalogue)) {
      expect(refusal(reason, false, meaning)).toEqual(refusal(reason));
    }
  });

  test('say what an operator said, and nothing raw for other reasons', () => {
    expect(refusal('DISCONNECTED', false, 'maintenance at noon').title).toBe(
      'An operator ended your session: maintenance at noon',
    );
    expect(refusal('NOT_FOUND', false, 'there is no such message').title).not.toContain('there is no such message');
  });

  test('make do with a reason of a later release', () => {
    expect(refusal('TOO_COLD', false, 'it is too cold')).toEqual({
      reason: 'TOO_COLD',
      title: 'The server refused that.',
      advice: 'it is too cold',
      retryable: false,
    });
  });
});
