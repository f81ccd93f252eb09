import type { Page } from 'playwright-core';
import { textOf } from '../../../../src/testing/black-box-client.ts';
import { wholeConversation } from '../../../../src/testing/oracle.ts';
import { eventually } from '../../../../src/testing/test-sessions.ts';
import { waitTimeoutMs } from './visitor.ts';

/** Words of which each is there once: one that is missing, twice or in another place is seen. */
export function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `w${index} `);
}

/** From now on the page keeps each text that a reply showed while it grew; a reload ends that. */
export async function watchReplies(page: Page): Promise<void> {
  await page.evaluate(() => {
    const drawn: string[] = [];
    const look = () => {
      for (const reply of document.querySelectorAll(
        'article[data-status="growing"], article[data-status="completed"]',
      )) {
        if (!reply.getAttribute('aria-label')?.startsWith('Assistant')) continue;
        const words = (reply.textContent.match(/\bw\d+\b/g) ?? []).join(' ');
        if (words !== '' && !drawn.includes(words)) drawn.push(words);
      }
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
    Object.assign(globalThis, { drawnReplies: drawn });
  });
}

/** Each text that the reply of numbered words showed, in order, since `watchReplies`. */
export function drawnReplies(page: Page): Promise<string[]> {
  return page.evaluate(() => (globalThis as unknown as { drawnReplies: string[] }).drawnReplies);
}

/** What is wrong in what was drawn on the way to the reply of so many numbered words: a hole, a repeat, words out of place. */
export function drawingBreaches(drawn: readonly string[], count: number): string[] {
  const whole = numbered(count).join('').trim();
  // A word may have been cut in two by a piece: what was drawn is then the whole up to within a word.
  return drawn.filter((text) => !whole.startsWith(text));
}

/** Waits until history has so many messages in the conversation, and gives their texts in order. */
export async function toldTexts(address: string, conversationId: string, count: number): Promise<string[]> {
  const messages = await eventually(
    () => wholeConversation(address, conversationId),
    (all) => all.length === count && all.every((message) => message.status !== 'MESSAGE_STATUS_PROCESSING'),
    waitTimeoutMs,
  );
  return messages.map(textOf);
}
