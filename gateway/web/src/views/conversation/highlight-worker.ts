import { common, createLowlight } from 'lowlight';
import type { CodeSpan, HighlightRequest } from './highlighter.ts';

const lowlight = createLowlight(common);

addEventListener('message', ({ data: { language, code } }: MessageEvent<HighlightRequest>) => {
  const spans: CodeSpan[] = [];
  if (lowlight.registered(language)) collect(lowlight.highlight(language, code).children, '', spans);
  postMessage(spans);
});
// What is asked before this script has loaded waits; how long an answer takes counts from here.
postMessage('ready');

type Nodes = ReturnType<typeof lowlight.highlight>['children'];

/** The leaves of the tree, each with the class of the innermost element around it. */
function collect(nodes: Nodes, kind: string, into: CodeSpan[]): void {
  for (const node of nodes) {
    if (node.type === 'text') into.push([kind, node.value]);
    if (node.type !== 'element') continue;
    const [name] = node.properties['className'] as string[];
    collect(node.children, name ?? kind, into);
  }
}
