import libraryUrl from '@mermaid-js/tiny/dist/mermaid.tiny.js?url';
import { type DiagramAnswer, type DiagramRequest, unavailable } from './request.ts';

/**
 * Draws diagrams in a frame without an origin and with a policy of its own (gateway/door/page-headers.ts): Mermaid sets styles in its elements, which the
 * page's policy refuses, and whatever a diagram's text may make it do, it does it here, where there is nothing to read and nothing to fetch.
 */
interface Mermaid {
  initialize(config: object): void;
  render(id: string, code: string): Promise<{ readonly svg: string }>;
}

/** It is no module, but a script that names itself. undefined: it could not be loaded. */
const library = new Promise<Mermaid | undefined>((resolve) => {
  const script = document.createElement('script');
  script.src = libraryUrl;
  script.onload = () => resolve((globalThis as unknown as { readonly mermaid: Mermaid }).mermaid);
  script.onerror = () => resolve(undefined);
  document.head.append(script);
});

/** Lines between boxes; how long the layout takes grows faster than they do. */
const maxEdges = 200;

async function draw(mermaid: Mermaid, { code, isDark }: DiagramRequest): Promise<DiagramAnswer> {
  mermaid.initialize({
    startOnLoad: false,
    securityLevel: 'strict',
    suppressErrorRendering: true,
    // As text and not as HTML, which pictures have in some browsers only.
    htmlLabels: false,
    flowchart: { htmlLabels: false },
    // What pictures have: no fonts of the page.
    fontFamily: 'system-ui, sans-serif',
    theme: isDark ? 'dark' : 'default',
    maxEdges,
  });
  const { svg } = await mermaid.render('diagram', code);
  const drawn = new DOMParser().parseFromString(svg, 'text/html').querySelector('svg');
  if (drawn === null) throw new Error('nothing was drawn');
  const { width, height } = drawn.viewBox.baseVal;
  drawn.setAttribute('width', String(width));
  drawn.setAttribute('height', String(height));
  // As XML, which pictures must be.
  return { svg: new XMLSerializer().serializeToString(drawn), width, height };
}

addEventListener('message', ({ source, data, ports: [port] }: MessageEvent<DiagramRequest>) => {
  if (source !== parent || port === undefined) return;
  void library.then(async (mermaid) => {
    // What cannot be drawn is no diagram.
    const drawn = mermaid === undefined ? unavailable : await draw(mermaid, data).catch(() => undefined);
    port.postMessage(drawn);
  });
});
