import { expect, test } from '@jest/globals';
import type { Locator } from 'playwright-core';
import { eventually } from '../../../src/testing/test-sessions.ts';
import { browsing } from './testing/browsing.ts';
import { ChatPage } from './testing/chat-page.ts';
import { waitTimeoutMs } from './testing/visitor.ts';
import { World } from './testing/world.ts';

const chromium = browsing();

const fenced = (language: string, code: string) => `\`\`\`${language}\n${code}\n\`\`\`\n`;

/** Of a message, the model says it back. */
async function echoed(): Promise<World> {
  return World.start('bridge', {
    script: ({ text }) => ({ kind: 'reply', pieces: text.match(/[\s\S]{1,400}/g) ?? [], intervalMs: 1 }),
  });
}

/** The words of a class in the code of a reply, once there are some. */
function wordsOf(reply: Locator, className: string): Promise<string[]> {
  return eventually(
    () => reply.locator(`pre .hljs-${className}`).allTextContents(),
    (words) => words.length > 0,
    waitTimeoutMs,
  );
}

test('code gets its colours from a script that is loaded with the first code', async () => {
  await using world = await echoed();
  await using visitor = await chromium.visitor(world.url);
  const loaded: string[] = [];
  visitor.context.on('request', (request) => loaded.push(request.url()));
  const chat = await ChatPage.connected(visitor);
  await chat.ask('Plain words.');
  expect(loaded.filter((url) => url.includes('highlight'))).toEqual([]);
  const code = 'const answer: number = 42;\n// so it is';
  const reply = await chat.ask(fenced('ts', code));
  expect(await wordsOf(reply, 'keyword')).toEqual(['const']);
  expect(await wordsOf(reply, 'comment')).toEqual(['// so it is']);
  expect((await reply.locator('pre code').textContent())?.trimEnd()).toBe(code);
  expect(loaded.filter((url) => url.includes('highlight'))).toHaveLength(1);
});

test('code that takes too long to look through stays as it is, and the next gets its colours', async () => {
  await using world = await echoed();
  await using visitor = await chromium.visitor(world.url);
  const chat = await ChatPage.connected(visitor);
  // At each of the words the beginning of a function is looked for, to the end of them all.
  const words = 'a '.repeat(9_990);
  const slow = await chat.ask(fenced('arduino', words));
  const next = await chat.ask(fenced('python', 'def answer():\n    return 42'));
  expect(await wordsOf(next, 'keyword')).toEqual(['def', 'return']);
  expect((await slow.locator('pre code').textContent())?.trimEnd()).toBe(words.trimEnd());
});

test('mathematics is set from a library that is loaded with the first formula; nothing in it leads anywhere', async () => {
  await using world = await echoed();
  await using visitor = await chromium.visitor(world.url);
  const loaded: string[] = [];
  visitor.context.on('request', (request) => loaded.push(request.url()));
  const chat = await ChatPage.connected(visitor);
  await chat.ask('It costs $5, and $10 with tax.');
  expect(loaded.filter((url) => url.includes('temml'))).toEqual([]);
  const tex = '\\frac{a}{\\sqrt{b}}';
  const reply = await chat.ask(`So $x^2$ and\n\n$$\n${tex}\n$$\n`);
  await reply.locator('math msup').waitFor();
  await reply.locator('math[display=block] mfrac msqrt').waitFor();
  const bad = [
    '\\href{https://example.org}{a}',
    '\\includegraphics{https://example.org/a.png}',
    '\\nosuchthing',
    '\\def\\a{\\a\\a}\\a',
  ];
  const refused = await chat.ask(bad.map((one) => `$${one}$`).join('\n\n'));
  await refused.getByText('$\\nosuchthing$').waitFor();
  expect(await refused.locator('.prose :is(a, img, [href])').count()).toBe(0);
});

test('a message is copied as it was written', async () => {
  await using world = await echoed();
  await using visitor = await chromium.visitor(world.url);
  await visitor.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const chat = await ChatPage.connected(visitor);
  const said = 'Of **words** and `code`.';
  const reply = await chat.ask(said);
  await reply.hover();
  await reply.getByRole('button', { name: 'Copy message' }).click();
  await reply.getByRole('button', { name: 'Copied' }).waitFor();
  expect(await chat.page.evaluate(() => navigator.clipboard.readText())).toBe(said);
});
