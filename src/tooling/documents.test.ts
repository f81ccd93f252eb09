import { expect, test } from '@jest/globals';
import { settings } from '../config/settings.ts';
import { oneOf, text } from '../config/value-types.ts';
import { configurationPage, documents, errorsPage } from './documents.ts';

test('the page of settings has a row for each, and says what is secret and whose', () => {
  const page = configurationPage({
    PARLEY_A: { type: oneOf('x', 'y'), default: 'x', description: 'A or B | C.' },
    PARLEY_KEY: { type: text('a key', 9), default: '', description: 'The key.', secret: true, usedBy: ['worker'] },
  });
  expect(page).toContain('| `PARLEY_A` | `x` | x or y | A or B \\| C. |');
  expect(page).toContain('| `PARLEY_KEY` |  | a key, at most 9 characters | The key. Secret. Used by workers only. |');
});

test('the page of errors divides those of a call from those of a message', () => {
  const page = errorsPage({
    GONE: { code: 'NOT_FOUND', retryable: false, scope: 'call', meaning: 'It is gone.', remedy: 'Forget it.' },
    BUSY: {
      code: 'UNAVAILABLE',
      retryable: true,
      retryDelayMs: 7,
      scope: 'message',
      meaning: 'Busy.',
      remedy: 'Wait.',
    },
  });
  expect(page).toContain('| `GONE` | `NOT_FOUND` | no | It is gone. | Forget it. |');
  expect(page).toContain('| `BUSY` | `UNAVAILABLE` | after 7 ms | Busy. | Wait. |');
  expect(page.indexOf('GONE')).toBeLessThan(page.indexOf('## Refusals of one message'));
  expect(page.indexOf('BUSY')).toBeGreaterThan(page.indexOf('## Refusals of one message'));
});

test('every setting is on the page of settings', () => {
  const page = documents()['docs/configuration.md'];
  for (const name of Object.keys(settings)) expect(page).toContain(`| \`${name}\` |`);
});
