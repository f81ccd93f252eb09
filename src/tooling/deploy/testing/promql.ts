import { parser } from '@prometheus-io/lezer-promql';

/** One choice of series in a query. */
export interface Selector {
  readonly metric: string;
  /** What the query relies on: labels that it matches or groups by. */
  readonly labels: readonly string[];
  /** Labels and the one value that each must have. */
  readonly equal: Readonly<Record<string, string>>;
}

type Tree = ReturnType<typeof parser.parse>['topNode'];

/** Every choice of series in a PromQL query, those that a dashboard completes (`$__rate_interval`) included. Throws when it is none. */
export function selectorsOf(query: string): readonly Selector[] {
  const text = query.replaceAll('$__rate_interval', '5m');
  const tree = parser.parse(text).topNode;
  const wrong = descendants(tree).find(({ type }) => type.isError);
  if (wrong !== undefined) throw new Error(`not PromQL at ${wrong.from}: ${text}`);
  const wordsOf = (node: Tree) => text.slice(node.from, node.to);
  return descendants(tree)
    .filter(({ name }) => name === 'VectorSelector')
    .map((selector) => {
      const matchers = descendants(selector).filter(({ name }) => name === 'UnquotedLabelMatcher');
      const groups = ancestors(selector).flatMap(groupingLabels);
      return {
        metric: wordsOf(selector.getChild('Identifier') ?? selector),
        labels: [...matchers.flatMap((node) => node.getChildren('LabelName')), ...groups].map(wordsOf),
        equal: Object.fromEntries(matchers.map(wordsOf).flatMap(equality)),
      };
    });
}

/** `a="b"` as label and value; nothing of the other ways to match. */
function equality(matcher: string): [string, string][] {
  const [, label, value] = /^(\w+)\s*=\s*"([^"]*)"$/.exec(matcher) ?? [];
  return label === undefined || value === undefined ? [] : [[label, value]];
}

function groupingLabels(node: Tree): Tree[] {
  if (node.name !== 'AggregateExpr') return [];
  const labels = node.getChild('AggregateModifier')?.getChild('GroupingLabels');
  return labels?.getChildren('LabelName') ?? [];
}

function ancestors(node: Tree): Tree[] {
  return node.parent === null ? [] : [node.parent, ...ancestors(node.parent)];
}

function descendants(node: Tree): Tree[] {
  const found: Tree[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) found.push(child, ...descendants(child));
  return found;
}
