import { describe, expect, test } from '@jest/globals';
import { brokenBounds, measureFunctions } from './code-shape.ts';

describe('functions are measured', () => {
  test.each([
    ['function f() {\n  g();\n}', [3]],
    ['const f = () => {\n};', [2]],
    ['class A {\n  constructor() {\n  }\n  #p() {\n    g();\n  }\n  get x() { return 1; }\n}', [2, 3, 1]],
    ['const o = { m() {\n} };', [2]],
    ['function outer() {\n  return () => {\n    g();\n  };\n}', [5, 3]],
  ])('%j', (source, lines) => {
    expect(measureFunctions('a.ts', source).map((one) => one.lines)).toEqual(lines);
  });

  test('from the line where they begin, also after text of more than one byte', () => {
    expect(measureFunctions('a.ts', '// é\n// 😀\nfunction f() {\n}')).toEqual([{ where: 'a.ts:3', lines: 2 }]);
  });

  test('unless they are only an expression, or group tests', () => {
    expect(
      measureFunctions('a.ts', 'const f = () => g();\nfunction suite() {\n  test.each([1])("x", () => h());\n}'),
    ).toEqual([]);
  });
});

describe('bounds', () => {
  const bounds = { medianLines: 15, mostLines: 45, maxLines: 70 };
  const ofLines = (...lines: readonly number[]) => lines.map((count, index) => ({ where: `f${index}`, lines: count }));

  test('hold at their very values', () => {
    expect(brokenBounds('function', ofLines(15, 15, 15, 15, 15, 45, 45, 45, 45, 70), bounds)).toEqual([]);
    expect(brokenBounds('function', [], bounds)).toEqual([]);
  });

  test('are broken by one that is too long', () => {
    expect(brokenBounds('function', ofLines(...Array<number>(20).fill(1), 71), bounds)).toEqual([
      'f20: 71 lines, at most 70 in a function',
    ]);
  });

  test('are broken by a median that is too long', () => {
    expect(brokenBounds('function', ofLines(1, 16, 16), bounds)).toEqual(['the median function has 16 lines, over 15']);
  });

  test('are broken by too many long ones, which are named', () => {
    const problems = brokenBounds('function', ofLines(...Array<number>(8).fill(1), 46, 47), bounds);
    expect(problems[0]).toContain('at most 45 lines, they have up to 46');
    expect(problems.slice(1)).toEqual(['  f9: 47', '  f8: 46']);
  });
});
