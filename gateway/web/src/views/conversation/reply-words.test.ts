import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assertProperty } from '../../../../../src/testing/property.ts';
import { type Reading, readMarkdown, safeAddress, unescapeCharacters } from './reply-words.ts';

const reply = `# Bread

Two things:

1. *less* yeast
2. more water

   a tablespoon

| a | b |
|---|---|
| 1 | 2 |

\`\`\`ts
const grams = 7;

grams;
\`\`\`

> quoted
still quoted

So \\(a_1 + b\\) and $x^2$ are:

$$
x_1 \\\\
- y
$$

\\[ z \\]

Title
===

<b>no</b> [link](https://example.org)
`;

describe('a growing reply', () => {
  test('reads, however it was cut into pieces, as the whole does', () => {
    const whole = readMarkdown(reply).blocks;
    assertProperty(
      fc.property(fc.array(fc.nat(reply.length), { maxLength: 30 }), (cuts) => {
        let reading: Reading | undefined;
        for (const end of [...cuts.sort((one, other) => one - other), reply.length])
          reading = readMarkdown(reply.slice(0, end), reading);
        expect(reading?.blocks.filter(({ type }) => type !== 'space')).toEqual(
          whole.filter(({ type }) => type !== 'space'),
        );
      }),
    );
  });

  test('leaves the blocks before the last the same objects', () => {
    const before = readMarkdown(`${'One.\n\n'.repeat(5)}Tw`);
    const after = readMarkdown(`${'One.\n\n'.repeat(5)}Two.`, before);
    expect(after.blocks.slice(0, -1).every((block, index) => block === before.blocks[index])).toBe(true);
  });

  test('begins anew when it is another text', () => {
    const [first] = readMarkdown('Other', readMarkdown('One\n\nTwo')).blocks;
    expect(first?.raw).toBe('Other');
  });
});

describe('mathematics', () => {
  const found = (text: string) => {
    const formulas: unknown[] = [];
    JSON.stringify(readMarkdown(text).blocks, (key, value) => {
      if (key === 'tex') formulas.push(value);
      return value;
    });
    return formulas;
  };

  test.each([
    ['$x^2$', ['x^2']],
    ['So $a_1$ and $b_2$.', ['a_1', 'b_2']],
    ['\\(a \\cdot b\\)', ['a \\cdot b']],
    ['$$\na\n- b\n$$', ['a\n- b']],
    ['\\[\na \\\\[2pt] b\n\\]', ['a \\\\[2pt] b']],
    ['In a line $$x$$ as well', ['x']],
    ['- $x$\n\n| a |\n|---|\n| $y$ |', ['x', 'y']],
  ])('%j', (text, formulas) => expect(found(text)).toEqual(formulas));

  test.each([
    'It costs $5, and $10 with tax.',
    '$5–$10',
    '\\$x$',
    '`$x$`',
    '```\n$x$\n```',
    '$ x $',
    'echo $HOME',
    '$$\na\n\nb\n$$',
    '\\(never ended',
  ])('%j has none', (text) => expect(found(text)).toEqual([]));
});

describe('what would hold up the page is shown as it is', () => {
  test.each([
    ['thousands of quotes in quotes', `${'>'.repeat(5_000)} x`],
    ['thousands of marks of emphasis', '_a*'.repeat(2_000)],
    ['a very long reply', 'word '.repeat(50_000)],
  ])('%s', (_, text) => {
    const { blocks } = readMarkdown(text);
    expect(blocks.map(({ type, raw }) => [type, raw])).toEqual([['paragraph', text]]);
  });
});

test.each(['$', '$a ', '$$', '$$a\n', '\\\\(', '\\\\(a ', '\\\\[', '\\\\[a\n'])(
  'a reply of nothing but %j is read',
  (mark) => {
    const text = mark.repeat(Math.floor(150_000 / mark.length));
    expect(
      readMarkdown(text)
        .blocks.map(({ raw }) => raw)
        .join(''),
    ).toBe(text);
  },
);

describe('one part that is too much leaves the rest laid out', () => {
  const marks = '_a*'.repeat(2_000);
  const kinds = (text: string) => readMarkdown(text).blocks.flatMap(({ type }) => (type === 'space' ? [] : [type]));

  test('code with thousands of marks is code', () => {
    const code = `${marks}\n\n${marks}`;
    const { blocks } = readMarkdown(`# One\n\n\`\`\`c\n${code}\n\`\`\`\n\n*two*`);
    expect(blocks.filter(({ type }) => type !== 'space')).toMatchObject([
      { type: 'heading' },
      { type: 'code', lang: 'c', text: code },
      { type: 'paragraph', tokens: [{ type: 'em', text: 'two' }] },
    ]);
  });

  test('a reply of more than 200,000 characters is laid out, and its code is code', () => {
    const text = `- one\n\n${'Some *words*.\n\n'.repeat(20_000)}\`\`\`\n${'i *= 2;\n'.repeat(30_000)}\`\`\`\n`;
    const found = kinds(text);
    expect([found.length, found[0], found[1], found.at(-1)]).toEqual([20_002, 'list', 'paragraph', 'code']);
  });

  test('thousands of marks in an item, a cell or a heading are shown as they are', () => {
    const text = `- ${marks}\n\n# ${marks}\n\n| a |\n|---|\n| ${marks} |\n`;
    expect(JSON.stringify(readMarkdown(text).blocks)).not.toMatch(/"type":"(?:em|strong)"/);
    expect(kinds(text)).toEqual(['list', 'heading', 'table']);
  });

  test('what is shown as it is keeps its lines', () => {
    const [paragraph] = readMarkdown(`${marks}\n${marks}`).blocks;
    expect(paragraph).toMatchObject({ tokens: [{ text: marks }, { type: 'br' }, { text: marks }] });
  });
});

describe('a link', () => {
  test.each(['https://example.org/a?b=1&c=2', 'http://example.org/', 'mailto:a@example.org'])(
    'may lead to %s',
    (href) => expect(safeAddress(href)).toBe(href),
  );

  test.each([
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    ' javascript:alert(1)',
    'java\nscript:alert(1)',
    'java&#115;cript:alert(1)',
    'javascript&colon;alert(1)',
    '&#x6a;avascript:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:x',
    'file:///etc/passwd',
    'blob:https://example.org/1',
    '//example.org',
    '/relative',
    '#/operator',
    '',
  ])('may not lead to %j', (href) => expect(safeAddress(href)).toBeUndefined());
});

test('character references are the characters they stand for', () => {
  expect(unescapeCharacters('a &amp; b &lt;i&gt; &#8364; &#x20ac; &nope; &#0; &#x110000; &')).toBe(
    'a & b <i> € € &nope; &#0; &#x110000; &',
  );
});
