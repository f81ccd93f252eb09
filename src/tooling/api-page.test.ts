import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { catalogue } from '../domain/errors/catalogue.ts';
import { apiPage } from '../rpc/api-page.ts';
import { type ApiContract, readContract } from './api-contract.ts';
import { commonRefusals, examples, grpcurlLine, pixel } from './api-examples.ts';
import { apiHtml, apiMarkdown } from './api-page.ts';
import { anchorOf, htmlPage, markdownPage } from './page-blocks.ts';

const contract = readContract();
const calls = contract.services.flatMap(({ fullName, rpcs }) => rpcs.map(({ name }) => `${fullName}/${name}`));
const markdown = apiMarkdown(contract);
const html = apiHtml(contract);

describe('the contract', () => {
  test('has every service, call, field and value with its comment', () => {
    expect(contract.services.map(({ name }) => name).toSorted()).toEqual([
      'AccountService',
      'ChatService',
      'HistoryService',
      'MediaService',
      'OperationsService',
    ]);
    const comments = [
      ...contract.services.flatMap(({ comment, fileComment, rpcs }) => [
        comment,
        fileComment,
        ...rpcs.map((rpc) => rpc.comment),
      ]),
      ...[...contract.types.values()].flatMap((type) => [
        type.comment,
        ...(type.kind === 'message' ? type.fields : type.values).map(({ comment }) => comment),
      ]),
    ];
    expect(comments.filter((comment) => comment === '' || comment.includes('\n'))).toEqual([]);
  });

  test('knows repeated fields, maps, and which of a group only one is set', () => {
    const field = (type: string, name: string) => {
      const message = contract.types.get(`chat.v1.${type}`);
      return message?.kind === 'message' ? message.fields.find((candidate) => candidate.name === name) : undefined;
    };
    expect(field('Message', 'parts')).toMatchObject({ type: 'chat.v1.Part', repeated: true, oneof: undefined });
    expect(field('CreateUploadResponse', 'upload_headers')).toMatchObject({
      keyType: 'string',
      type: 'string',
      repeated: false,
    });
    expect(field('ChatRequest', 'hello')).toMatchObject({ type: 'chat.v1.Hello', oneof: 'frame' });
    expect(field('Media', 'size_bytes')).toMatchObject({ type: 'int64', repeated: false, keyType: undefined });
  });

  test('streams where the calls do', () => {
    const rpc = (name: string) =>
      contract.services.flatMap(({ rpcs }) => rpcs).find((candidate) => candidate.name === name);
    expect(rpc('Chat')).toMatchObject({ requestStream: true, responseStream: true });
    expect(rpc('Open')).toMatchObject({ requestStream: false, responseStream: true });
    expect(rpc('Send')).toMatchObject({ requestStream: false, responseStream: false });
  });
});

describe('the page of the API', () => {
  test('has a line for each call, and no example that belongs to none', () => {
    expect(Object.keys(examples).toSorted()).toEqual(calls.toSorted());
    for (const call of calls) expect(markdown).toContain(` ${call}\n`);
  });

  test('cannot be written without an example of each call', () => {
    const [service] = contract.services;
    const rpcs = service!.rpcs.map((rpc) => ({ ...rpc, name: 'Newest' }));
    const newer: ApiContract = { ...contract, services: [{ ...service!, rpcs }] };
    expect(() => apiMarkdown(newer)).toThrow(/no example of chat.v1.\w+\/Newest/);
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
    const plain = html.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&amp;', '&');
    for (const call of calls) expect(plain).toContain(grpcurlLine(call, examples[call] ?? { requests: [] }));
    for (const type of contract.types.values()) expect(html).toContain(type.name);
    for (const reason of Object.keys(catalogue)) expect(html).toContain(`<td><code>${reason}</code></td>`);
    expect(html).not.toMatch(/<script|<link|<img|@import|url\(|src=/i);
    expect(html).toContain('color-scheme: light dark');
  });

  test('is the one that the server shows', async () => {
    expect(await apiPage()).toBe(html);
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

test('blocks become Markdown and HTML, special characters included', () => {
  const blocks = [
    { kind: 'heading', level: 1, text: 'A & B' },
    { kind: 'paragraph', text: 'See `a < [b](c)` in [the list](#the-list), **now**.' },
    { kind: 'shell', text: 'echo "<&>"' },
    { kind: 'table', heads: ['x'], rows: [['a | b']] },
  ] as const;
  expect(markdownPage(blocks, 'origin')).toBe(
    '# A & B\n\n<!-- origin -->\n\nSee `a < [b](c)` in [the list](#the-list), **now**.\n\n```sh\necho "<&>"\n```\n\n| x |\n| --- |\n| a \\| b |\n',
  );
  const page = htmlPage(blocks, 'origin');
  expect(page).toContain('<title>A &amp; B</title>');
  expect(page).toContain(
    '<p>See <code>a &lt; [b](c)</code> in <a href="#the-list">the list</a>, <strong>now</strong>.</p>',
  );
  expect(page).toContain('<pre><code>echo &quot;&lt;&amp;&gt;&quot;</code></pre>');
  expect(page).toContain('<td>a | b</td>');
});
