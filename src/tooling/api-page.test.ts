import { createHash } from 'node:crypto';
import { getSyntaxComments } from '@bufbuild/protoplugin';
import { describe, expect, test } from '@jest/globals';
import { catalogue } from '../domain/errors/catalogue.ts';
import { apiPage } from '../rpc/api-page.ts';
import { commonRefusals, examples, grpcurlLine, pixel } from './api-examples.ts';
import { apiHtml, apiMarkdown, commentOf, readContract } from './api-page.ts';
import { anchorOf, htmlPage, markdownTable } from './markdown.ts';

const contract = readContract();
const services = contract.flatMap((file) => file.services);
const types = contract.flatMap(({ messages, enums }) => [...messages, ...enums]);
const calls = services.flatMap(({ typeName, methods }) => methods.map(({ name }) => `${typeName}/${name}`));
const markdown = apiMarkdown(contract);
const html = apiHtml(contract);

describe('the contract', () => {
  test('has every service, call, field and value with its comment', () => {
    expect(services.map(({ name }) => name).toSorted()).toEqual([
      'AccountService',
      'ChatService',
      'HistoryService',
      'MediaService',
      'OperationsService',
      'SpendingService',
      'UsageService',
    ]);
    const fileComments = services.map(({ file }) => getSyntaxComments(file).leading?.trim() ?? '');
    const commented = [
      ...services.flatMap((service) => [service, ...service.methods]),
      ...types.flatMap((type) => [type, ...(type.kind === 'message' ? type.fields : type.values)]),
    ];
    expect(commented.length).toBeGreaterThan(200);
    expect([...fileComments, ...commented.map(commentOf)].filter((comment) => comment === '')).toEqual([]);
    expect(commented.map(commentOf).filter((comment) => comment.includes('\n'))).toEqual([]);
  });
});

describe('the page of the API', () => {
  test('has a line for each call, and no example that belongs to none', () => {
    expect(Object.keys(examples).toSorted()).toEqual(calls.toSorted());
    for (const call of calls) expect(markdown).toContain(` ${call}\n`);
  });

  test('cannot be written without an example of each call', () => {
    const file = contract.find((candidate) => candidate.services.length > 0)!;
    const newer = file.services.map((service) => ({
      ...service,
      methods: service.methods.map((method) => ({ ...method, name: 'Newest' })),
    }));
    expect(() => apiMarkdown([{ ...file, services: newer }])).toThrow(/no example of chat.v1.\w+\/Newest/);
  });

  test('tells repeated fields, maps, and which of a group only one is set', () => {
    expect(markdown).toContain('| `parts` | repeated [Part](#part) |');
    expect(markdown).toContain('| `upload_headers` | map of string to string |');
    expect(markdown).toContain('| `hello` | [Hello](#hello), one of `frame` |');
    expect(markdown).toContain('| `size_bytes` | int64 |');
  });

  test('tells streams where the calls are', () => {
    const sides = (name: string) =>
      Array.from(
        markdown
          .split(`\n### ${name}\n`)[1]
          ?.split('\n### ')[0]
          ?.matchAll(/^\*\*(\w+)\*\*: (a stream of )?`/gm) ?? [],
        ([, side, stream]) => `${side}${stream === undefined ? '' : 's'}`,
      );
    expect(sides('Chat')).toEqual(['Requests', 'Responses']);
    expect(sides('Open')).toEqual(['Request', 'Responses']);
    expect(sides('Send')).toEqual(['Request', 'Response']);
  });

  test.each([
    ['Markdown', markdown, /^#+ (.*)$/gm, /\]\(#([^)]+)\)/g],
    ['HTML', html, /<h\d id="([^"]+)"/g, /href="#([^"]+)"/g],
  ])('in %s has headings of different names, and each link leads to one', (_format, page, headings, links) => {
    const anchors = Array.from(page.matchAll(headings), ([, heading = '']) => anchorOf(heading));
    expect(new Set(anchors).size).toBe(anchors.length);
    const targets = new Set(Array.from(page.matchAll(links), ([, target]) => target));
    expect(targets.size).toBeGreaterThan(20);
    expect([...targets].filter((target) => !anchors.includes(target ?? ''))).toEqual([]);
  });

  test('in HTML says the same, with the reasons of refusals, and fetches nothing', () => {
    const plain = html
      .replaceAll('&quot;', '"')
      .replaceAll('&#39;', "'")
      .replaceAll('&lt;', '<')
      .replaceAll('&amp;', '&');
    for (const call of calls) expect(plain).toContain(grpcurlLine(call, examples[call] ?? { requests: [] }));
    for (const type of types) expect(html).toContain(type.name);
    for (const reason of Object.keys(catalogue)) expect(html).toContain(`<td><code>${reason}</code></td>`);
    expect(html).not.toMatch(/<script|<link|<img|@import|url\(|src=/i);
    expect(html).toContain('color-scheme: light dark');
  });

  test('is the one that the server shows', async () => {
    expect(await apiPage()).toBe(html);
  });

  test('has the address of the server that shows it', async () => {
    const shown = await apiPage('127.0.0.1:4711');
    expect(shown).not.toContain(':50051');
    expect(shown).toBe(html.replaceAll('127.0.0.1:50051', '127.0.0.1:4711'));
    expect(await apiPage('0.0.0.0:4711')).toBe(shown);
    expect(await apiPage('[::]:4711')).toBe(shown);
    expect(await apiPage('10.0.0.5:4711')).toContain('grpcurl -plaintext 10.0.0.5:4711 list');
  });
});

describe('a line', () => {
  test('is quoted so that a shell gives the JSON as it is, and only variables are looked for', () => {
    expect(grpcurlLine('s/Call', { requests: [{}] })).toBe('grpcurl -plaintext 127.0.0.1:50051 s/Call');
    expect(grpcurlLine('s/Call', { requests: [{ a: [1, { b: '' }] }, {}] })).toBe(
      `grpcurl -plaintext -d '{"a": [1, {"b": ""}]} {}' 127.0.0.1:50051 s/Call`,
    );
    expect(grpcurlLine('s/Call', { requests: [{ id: '$ID' }] })).toBe(
      String.raw`grpcurl -plaintext -d "{\"id\": \"$ID\"}" 127.0.0.1:50051 s/Call`,
    );
  });

  test('uploads a picture of the length and hash that it names', () => {
    const bytes = Buffer.from(pixel.base64, 'base64');
    expect(bytes).toHaveLength(pixel.sizeBytes);
    expect(createHash('sha256').update(bytes).digest('base64')).toBe(pixel.sha256);
  });

  test('names only refusals that are not common to all', () => {
    for (const { refusals } of Object.values(examples)) {
      expect(refusals.filter((reason) => commonRefusals.includes(reason))).toEqual([]);
    }
  });
});

test('Markdown becomes HTML, special characters included', () => {
  const table = markdownTable(['x'], [['a | b']]);
  expect(table).toBe('| x |\n| --- |\n| a \\| b |');
  const page = htmlPage(
    'A',
    `# A & B\n\nSee \`a < [b](c)\` in [the list](#the-list), **now**.\n\n\`\`\`sh\necho "<&>"\n\`\`\`\n\n${table}\n`,
  );
  expect(page).toContain('<h1 id="a--b">A &amp; B</h1>');
  expect(page).toContain(
    '<p>See <code>a &lt; [b](c)</code> in <a href="#the-list">the list</a>, <strong>now</strong>.</p>',
  );
  expect(page).toMatch(/<body>\n<main>\n<h1.*<\/main>\n<\/body>/s);
  expect(page).toContain('<pre tabindex="0"><code class="language-sh">');
  expect(page).toContain('echo &quot;&lt;&amp;&gt;&quot;');
  expect(page).toContain('<td>a | b</td>');
});
