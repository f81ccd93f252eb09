import { signal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import '../../styles/math.css';

const temml = signal<typeof import('temml').default>();

/** Longer than any formula; a long one takes long. */
const maxTexChars = 5_000;

interface FormulaProps {
  readonly tex: string;
  readonly isDisplay: boolean;
  /** As it is written: shown until the library is here, and where it is no TeX. */
  readonly raw: string;
}

/** TeX as MathML. Nothing in it leads anywhere or loads anything: the library makes elements, and leaves out what would need trust. */
export function Formula({ tex, isDisplay, raw }: FormulaProps) {
  const place = useRef<HTMLSpanElement>(null);
  const [failed, setFailed] = useState<string>();
  const library = temml.value;
  useEffect(() => {
    // Where it cannot be fetched, formulas stand as they are written, until another one asks for it.
    if (temml.peek() === undefined)
      void import('temml').then(
        (fetched) => (temml.value = fetched.default),
        () => undefined,
      );
  }, []);
  useLayoutEffect(() => {
    if (library === undefined || place.current === null) return;
    try {
      library.render(tex, place.current, {
        displayMode: isDisplay,
        throwOnError: true,
        trust: false,
        maxSize: [20, 500],
      });
    } catch {
      // Not TeX, or TeX of which it knows nothing.
      setFailed(tex);
    }
  }, [library, tex, isDisplay]);
  if (library === undefined || failed === tex || tex.length > maxTexChars) return <span key="raw">{raw}</span>;
  return <span key="math" ref={place} class={isDisplay ? 'math math-display' : 'math'} />;
}
