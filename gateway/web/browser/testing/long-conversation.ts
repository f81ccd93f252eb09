import type { Locator } from 'playwright-core';
import { call, clientOf, type Dynamic, hangUp } from '../../../../src/testing/contract.ts';
import type { ParleyServer } from '../../../../src/testing/server.ts';
import { eventually, type TestSessions } from '../../../../src/testing/test-sessions.ts';
import { waitTimeoutMs } from './visitor.ts';

/** As many as a client may have unanswered. */
const atOnce = 10;
const historyTimeoutMs = 60_000;

/** Talks as this client until the conversation has so many more messages, replies included: `Message 0`, `Message 1` and so on. */
export async function fillConversation(
  testSessions: TestSessions,
  server: ParleyServer,
  {
    clientId,
    conversationId,
    count,
  }: { readonly clientId: string; readonly conversationId: string; readonly count: number },
): Promise<void> {
  const { session } = await testSessions.connect({ clientId, conversationId });
  const says = count / 2;
  const answered: Promise<Dynamic>[] = [];
  for (let index = 0; index < says; index += 1) {
    if (index >= atOnce) await answered[index - atOnce];
    const { messageId } = await session.text(`Message ${index}`);
    answered.push(session.reply(messageId));
  }
  const newest = (await Promise.all(answered)).at(-1);
  await session.goodbye();
  await historyHas(server, conversationId, newest.messageId);
}

async function historyHas(server: ParleyServer, conversationId: string, messageId: string): Promise<void> {
  const history = clientOf('chat.v1.HistoryService', server.address);
  try {
    const newest = () => call(history, 'ListMessages', { conversationId, pageSize: 1, newestFirst: true });
    await eventually(newest, ({ messages }) => messages[0]?.messageId === messageId, historyTimeoutMs);
  } finally {
    hangUp(history);
  }
}

/** Scrolls to the top as often as older messages come above it, until so many are there or none come. Gives how many there are. */
export function scrollToTop(scroller: Locator, count: number): Promise<number> {
  // In the page: a locator looks at every message each time it is asked.
  return scroller.evaluate(
    async (element, { enough, timeoutMs }) => {
      const loaded = () => element.querySelectorAll('article').length;
      let [last, lastAt] = [loaded(), performance.now()];
      while (last < enough && performance.now() - lastAt < timeoutMs) {
        element.scrollTop = 0;
        await new Promise((resolve) => requestAnimationFrame(resolve));
        if (loaded() !== last) [last, lastAt] = [loaded(), performance.now()];
      }
      return last;
    },
    { enough: count, timeoutMs: waitTimeoutMs },
  );
}

/** What scrolling was like. */
export interface Scrolled {
  /** By how many pixels what was on the screen moved without being scrolled, where it moved more than a few. */
  readonly jumps: readonly number[];
  /** From one frame to the next, milliseconds. */
  readonly frames: readonly number[];
}

/** Scrolls by so many pixels a step, as far as it goes or so many steps, and looks what stays where it was. */
export function scrollBy(scroller: Locator, stepPixels: number, steps: number): Promise<Scrolled> {
  return scroller.evaluate(
    async (element, { by, times }) => {
      /** Less is rounding. */
      const stillPixels = 4;
      const frame = () => new Promise<number>((resolve) => requestAnimationFrame(resolve));
      const inView = () => {
        const { top, bottom } = element.getBoundingClientRect();
        return [...element.querySelectorAll('article')].find((one) => {
          const box = one.getBoundingClientRect();
          return box.top >= top && box.top < bottom;
        });
      };
      const [jumps, frames]: [number[], number[]] = [[], []];
      let last = await frame();
      for (let step = 0; step < times; step += 1) {
        element.scrollTop += by;
        const settled = await frame();
        frames.push(settled - last);
        last = settled;
        const anchor = inView();
        const before = anchor?.getBoundingClientRect().top ?? 0;
        for (let still = 0; still < 2; still += 1) {
          const now = await frame();
          frames.push(now - last);
          last = now;
        }
        const moved = anchor?.isConnected === true ? anchor.getBoundingClientRect().top - before : 0;
        if (Math.abs(moved) > stillPixels) jumps.push(Math.round(moved));
      }
      return { jumps, frames };
    },
    { by: stepPixels, times: steps },
  );
}
