import { useEffect, useState } from 'preact/hooks';
import { Icon } from './icon.tsx';

/** How long "Copied" stands there: long enough to be read. */
const toldMs = 2_000;

interface CopyButtonProps {
  readonly label: string;
  readonly text: string;
  /** Only the drawing is seen; the words are said. */
  readonly isSmall?: boolean;
}

/** Puts a text on the clipboard, and says whether that worked. */
export function CopyButton({ label, text, isSmall = false }: CopyButtonProps) {
  const [outcome, setOutcome] = useState<'Copied' | 'Not copied'>();
  useEffect(() => {
    if (outcome === undefined) return;
    const timer = setTimeout(() => setOutcome(undefined), toldMs);
    return () => clearTimeout(timer);
  }, [outcome]);
  const copy = () => {
    navigator.clipboard.writeText(text).then(
      () => setOutcome('Copied'),
      () => setOutcome('Not copied'),
    );
  };
  const words = outcome ?? label;
  return (
    <button type="button" class="quiet small" aria-label={words} title={label} onClick={copy}>
      <Icon name={outcome === 'Copied' ? 'done' : 'copy'} />
      {!isSmall && <span>{outcome ?? 'Copy'}</span>}
    </button>
  );
}
