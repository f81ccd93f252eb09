import { useEffect, useRef, useState } from 'preact/hooks';
import { CopyButton } from '../common/copy-button.tsx';
import { type CodeSpan, highlighter } from './highlighter.ts';
import '../../styles/code.css';

interface CodeBlockProps {
  /** '' where the reply names none. */
  readonly language: string;
  readonly code: string;
}

/** Code with a button that copies it. It is there at once, and gets its colours when they are found. */
export function CodeBlock({ language, code }: CodeBlockProps) {
  const spans = useSpans(language, code);
  return (
    <figure class="code">
      <figcaption>
        <span>{language === '' ? 'text' : language}</span>
        <CopyButton label="Copy code" text={code} />
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard. */}
      <pre tabIndex={0}>
        <code>
          {spans.map(([name, text], index) =>
            name === '' ? (
              text
            ) : (
              <span key={index} class={name}>
                {text}
              </span>
            ),
          )}
        </code>
      </pre>
    </figure>
  );
}

/** The pieces that make up the code. While it grows, what was not looked at yet stands plain at its end. */
function useSpans(language: string, code: string): readonly CodeSpan[] {
  const [found, setFound] = useState<{ readonly code: string; readonly spans: readonly CodeSpan[] }>();
  const now = useRef({ code, isAsking: false, isGone: false }).current;
  now.code = code;
  useEffect(() => {
    if (now.isAsking) return;
    now.isAsking = true;
    void (async () => {
      for (let asked = ''; asked !== now.code && !now.isGone; ) {
        asked = now.code;
        const spans = await highlighter.spansOf({ language, code: asked });
        // It stays plain: more of it would take longer still. That it is being asked for keeps it from being asked for again.
        if (spans === undefined) return;
        if (!now.isGone) setFound({ code: asked, spans });
      }
      now.isAsking = false;
    })();
  }, [code]);
  useEffect(
    () => () => {
      now.isGone = true;
    },
    [],
  );
  if (found === undefined || !code.startsWith(found.code)) return [['', code]];
  return [...found.spans, ['', code.slice(found.code.length)]];
}
