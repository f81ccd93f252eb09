import { useEffect, useState } from 'preact/hooks';
import { diagrams } from '../../diagrams/diagrams.ts';
import { CopyButton } from '../common/copy-button.tsx';
import { prefersDark } from '../common/media-query.ts';
import { theme } from '../common/theme.ts';
import { CodeBlock } from './code-block.tsx';
import '../../styles/diagram.css';

interface Picture {
  readonly of: string;
  readonly url: string;
  readonly width: number;
  readonly height: number;
}

/**
 * A diagram in Mermaid's language: the code, until it is drawn or where it cannot be. It is shown as a picture, in which nothing runs, leads anywhere
 * or is fetched.
 */
export function Diagram({ code }: { readonly code: string }) {
  const isDark = theme.value === 'dark' || (theme.value === 'system' && prefersDark.value);
  const [picture, setPicture] = useState<Picture>();
  const [isCode, setIsCode] = useState(false);
  useEffect(() => {
    const gone = new AbortController();
    void diagrams.draw({ code, isDark }, gone.signal).then((drawn) => {
      if (gone.signal.aborted || drawn === undefined) return;
      const url = URL.createObjectURL(new Blob([drawn.svg], { type: 'image/svg+xml' }));
      setPicture({ of: code, url, width: drawn.width, height: drawn.height });
    });
    return () => gone.abort();
  }, [code, isDark]);
  useEffect(
    () => () => {
      if (picture !== undefined) URL.revokeObjectURL(picture.url);
    },
    [picture],
  );
  if (picture?.of !== code) return <CodeBlock language="mermaid" code={code} />;
  const turn = (
    <button type="button" class="quiet small" onClick={() => setIsCode(!isCode)}>
      {isCode ? 'Show diagram' : 'Show code'}
    </button>
  );
  if (isCode)
    return (
      <div class="diagram-code">
        {turn}
        <CodeBlock language="mermaid" code={code} />
      </div>
    );
  const { url, width, height } = picture;
  return (
    <figure class="code diagram">
      <figcaption>
        <span>diagram</span>
        <span>
          {turn}
          <CopyButton label="Copy code" text={code} />
        </span>
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard. */}
      <section class="diagram-view" aria-label="Diagram" tabIndex={0}>
        <img src={url} width={width} height={height} alt="Diagram of the code" />
      </section>
    </figure>
  );
}
