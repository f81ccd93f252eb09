import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
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

/** Notes the paths that it is asked for. */
async function trackerOf(asked: string[]) {
  const server = createServer(({ url = '' }, response) => {
    asked.push(url);
    response.setHeader('access-control-allow-origin', '*');
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return { origin: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: close };
}

/** What becomes of a diagram's text in a reply. */
const diagramIn = (reply: Locator) => reply.getByRole('img', { name: 'Diagram of the code' });

test('a diagram is drawn in a frame without an origin, which is loaded with the first; without its end, or broken, it stays code', async () => {
  await using world = await echoed();
  await using visitor = await chromium.visitor(world.url, { viewport: { width: 390, height: 844 } });
  const loaded: string[] = [];
  visitor.context.on('request', (request) => loaded.push(request.url()));
  const chat = await ChatPage.connected(visitor);
  const code = 'flowchart LR\n  A[The sea] --> B{Windy?}\n  B -- yes --> C[Fly a kite]';
  const open = await chat.ask(`\`\`\`mermaid\n${code}`);
  expect(await open.locator('pre code').textContent()).toContain('The sea');
  expect(loaded.filter((url) => url.includes('diagrams'))).toEqual([]);
  const broken = await chat.ask(fenced('mermaid', 'flowchart LR\n  A[['));
  const reply = await chat.ask(fenced('mermaid', code));
  const picture = diagramIn(reply);
  await picture.waitFor();
  // A picture of which the browser can make nothing has no width.
  await eventually(
    () => picture.evaluate((image) => (image as HTMLImageElement).naturalWidth),
    (width) => width > 100,
    waitTimeoutMs,
  );
  expect(await diagramIn(broken).count()).toBe(0);
  expect(await broken.locator('pre code').textContent()).toContain('A[[');
  expect(loaded.filter((url) => url.endsWith('/diagrams.html'))).toHaveLength(1);
  const sequence = await chat.ask(fenced('mermaid', 'sequenceDiagram\n  Ann->>Ben: Hello'));
  await diagramIn(sequence).waitFor();
  await sequence.getByRole('button', { name: 'Show code' }).click();
  expect(await sequence.locator('pre code').textContent()).toContain('Ann->>Ben');
  await sequence.getByRole('button', { name: 'Show diagram' }).click();
  await chat.page.emulateMedia({ colorScheme: 'dark' });
  await diagramIn(sequence).waitFor();
  expect(await chat.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
});

test('diagrams are drawn again after their library could not be loaded', async () => {
  await using world = await echoed();
  await using visitor = await chromium.visitor(world.url, { outage: true });
  const library = /mermaid[^/]*\.js$/;
  let refused = 0;
  await visitor.context.route(library, async (route) => {
    refused += 1;
    await route.abort();
  });
  const chat = await ChatPage.connected(visitor);
  const code = fenced('mermaid', 'flowchart LR\n  A --> B');
  const before = await chat.ask(code);
  // The frame is given up, so that the next diagram loads the library again.
  await eventually(
    async () => [refused, await chat.page.locator('.diagrams-frame').count()],
    ([asked, frames]) => asked === 1 && frames === 0,
    waitTimeoutMs,
  );
  expect(await before.locator('pre code').textContent()).toContain('A --> B');
  await visitor.context.unroute(library);
  await diagramIn(await chat.ask(code)).waitFor();
});

test('a diagram can neither run anything, nor lead anywhere, nor hold up the page', async () => {
  await using world = await echoed();
  const asked: string[] = [];
  await using tracker = await trackerOf(asked);
  await fetch(`${tracker.origin}/itself`);
  await using visitor = await chromium.visitor(world.url, { triesHarm: true, mayAsk: [tracker.origin] });
  const chat = await ChatPage.connected(visitor);
  const harm = "parent.postMessage('harm', '*'); top.__harmed = true";
  const hostile = [
    `flowchart LR\n  A["<script>${harm}</script><img src=x onerror='${harm}'>"]\n  click A "javascript:${harm}" "tip" _self`,
    `%%{init: {"securityLevel": "loose", "htmlLabels": true}}%%\nflowchart LR\n  A["<img src='${tracker.origin}/a.png' onerror='${harm}'>"]\n  click A call alert()`,
    `%%{init: {"themeCSS": "* { background: url(${tracker.origin}/b.png); fill: url(${tracker.origin}/c.svg#c) } @import url(${tracker.origin}/d.css);"}}%%\nflowchart LR\n  A --> B`,
    `flowchart LR\n  A --> B\n  style A fill:url(${tracker.origin}/e.svg),stroke:red;background:url(${tracker.origin}/f.png)`,
    `flowchart LR\n${Array.from({ length: 199 }, (_, edge) => `n${edge % 20}-->n${(edge * 7) % 19}`).join('\n')}`,
    `flowchart LR\n${'  A --> B\n'.repeat(600)}`,
  ];
  const replies: Locator[] = [];
  for (const code of hostile) replies.push(await chat.ask(fenced('mermaid', code)));
  const last = await chat.ask(fenced('mermaid', 'flowchart LR\n  A --> B'));
  await diagramIn(last).waitFor();
  // Longer than the limit: it was not even tried.
  expect(await replies.at(-1)?.locator('pre code').count()).toBe(1);
  expect(await chat.page.evaluate(() => '__harmed' in globalThis)).toBe(false);
  expect(await chat.page.locator('main svg foreignObject').count()).toBe(0);
  expect(new URL(chat.page.url()).origin).toBe(new URL(world.url).origin);
  expect(asked).toEqual(['/itself']);
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
