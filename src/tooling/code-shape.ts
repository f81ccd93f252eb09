import { globSync, readFileSync } from 'node:fs';
import { parseSync } from '@swc/core';

/** Lines of one file or function, and where it begins. */
export interface Measured {
  readonly where: string;
  readonly lines: number;
}

interface Bounds {
  readonly medianLines: number;
  /** Nine of ten have at most this many. */
  readonly mostLines: number;
  readonly maxLines: number;
}

const functionBounds: Bounds = { medianLines: 15, mostLines: 45, maxLines: 70 };
/** Of files there is no rule for the median. */
const fileBounds: Bounds = { medianLines: Number.POSITIVE_INFINITY, mostLines: 300, maxLines: 600 };
const most = 0.9;

const functionNodes: ReadonlySet<unknown> = new Set([
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
  'ClassMethod',
  'PrivateMethod',
  'Constructor',
  'MethodProperty',
  'GetterProperty',
  'SetterProperty',
]);
/** A function that only groups tests. */
const groupsTests = /(?<![.\w]|function )(?:describe|test)(?:\.\w+\(|\()/;

type Node = { readonly type?: unknown; readonly span?: { readonly start: number; readonly end: number } } & Readonly<
  Record<string, unknown>
>;

/**
 * Every function of a TypeScript text that has a body in braces, with its lines from head to closing brace. Functions that only
 * group tests are left out: they are chapters, not code that runs from top to bottom.
 */
export function measureFunctions(path: string, source: string): readonly Measured[] {
  const bytes = Buffer.from(source);
  const textOf = (from: number, to: number) => bytes.subarray(from, to).toString();
  return functionsIn(parseSync(source, { syntax: 'typescript', tsx: path.endsWith('.tsx'), target: 'es2024' }))
    .map(({ span: { start, end } = { start: 1, end: 1 } }) => ({ start, text: textOf(start - 1, end - 1) }))
    .filter(({ text }) => !groupsTests.test(text))
    .map(({ start, text }) => ({
      where: `${path}:${textOf(0, start - 1).split('\n').length}`,
      lines: text.split('\n').length,
    }));
}

function functionsIn(tree: unknown): readonly Node[] {
  const found: Node[] = [];
  walk(tree, (node) => {
    if (functionNodes.has(node.type) && hasBlock(node)) found.push(node);
  });
  return found;
}

function hasBlock(node: Node): boolean {
  const body = (node['function'] as Node | undefined)?.['body'] ?? node['body'];
  return (body as Node | null | undefined)?.['stmts'] !== undefined;
}

function walk(tree: unknown, visit: (node: Node) => void): void {
  if (typeof tree !== 'object' || tree === null) return;
  if (!Array.isArray(tree)) visit(tree as Node);
  for (const inner of Object.values(tree)) walk(inner, visit);
}

/** A sentence for each bound that is broken. */
export function brokenBounds(what: string, all: readonly Measured[], bounds: Bounds): readonly string[] {
  const sorted = all.map(({ lines }) => lines).sort((a, b) => a - b);
  const problems = all
    .filter(({ lines }) => lines > bounds.maxLines)
    .map(({ where, lines }) => `${where}: ${lines} lines, at most ${bounds.maxLines} in a ${what}`);
  const median = quantile(sorted, 0.5);
  if (median > bounds.medianLines) problems.push(`the median ${what} has ${median} lines, over ${bounds.medianLines}`);
  const ninth = quantile(sorted, most);
  if (ninth > bounds.mostLines) {
    problems.push(
      `nine of ten ${what}s must have at most ${bounds.mostLines} lines, they have up to ${ninth}; longest first:`,
    );
    problems.push(...longest(all.filter(({ lines }) => lines > bounds.mostLines)));
  }
  return problems;
}

function longest(all: readonly Measured[]): readonly string[] {
  const shown = 20;
  return [...all]
    .sort((a, b) => b.lines - a.lines)
    .slice(0, shown)
    .map(({ where, lines }) => `  ${where}: ${lines}`);
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

function countLines(source: string): number {
  return source.split('\n').length - (source.endsWith('\n') ? 1 : 0);
}

/** Measures the repository in the working directory; tells figures and problems on the standard output, and the exit code whether there are any. */
function main(): void {
  const paths = globSync('{src,projections,gateway,loadtest}/**/*.{ts,tsx}', {
    exclude: ['src/gen/**', 'src/client/gen/**', '**/dist/**', '**/node_modules/**'],
  });
  const files: Measured[] = [];
  const functions: Measured[] = [];
  for (const path of paths) {
    const source = readFileSync(path, 'utf8');
    files.push({ where: path, lines: countLines(source) });
    functions.push(...measureFunctions(path, source));
  }
  const problems = [...brokenBounds('function', functions, functionBounds), ...brokenBounds('file', files, fileBounds)];
  for (const problem of problems) console.log(problem);
  console.log(`${summary('functions', functions)}; ${summary('files', files)}`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

function summary(what: string, all: readonly Measured[]): string {
  const sorted = all.map(({ lines }) => lines).sort((a, b) => a - b);
  return `${all.length} ${what}: median ${quantile(sorted, 0.5)} lines, nine of ten ≤ ${quantile(sorted, most)}, longest ${sorted.at(-1) ?? 0}`;
}

if (import.meta.main) main();
