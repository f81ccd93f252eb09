import { signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';

/** Layout comes after the page is there; until then, and without it, a reply stands as it was written. */
const layout = signal<typeof import('./markdown.tsx')>();

let isAsked = false;

/** Fetches what lays replies out. Called when there is a conversation to show, so that it is there before the first reply. */
export function fetchLayout(): void {
  if (isAsked) return;
  isAsked = true;
  import('./markdown.tsx').then(
    (loaded) => {
      layout.value = loaded;
    },
    // Asked for again with the next conversation that is shown: the network may be back.
    () => {
      isAsked = false;
    },
  );
}

/** The words of a reply. While they grow they are laid out once per frame at most, however many pieces arrive in it. */
export function ReplyText({ text, isGrowing }: { readonly text: string; readonly isGrowing: boolean }) {
  const shown = useOncePerFrame(text, isGrowing);
  const Markdown = layout.value?.Markdown;
  return Markdown === undefined ? (
    <div class="plain-words">{shown}</div>
  ) : (
    <Markdown text={shown} isGrowing={isGrowing} />
  );
}

function useOncePerFrame(text: string, isGrowing: boolean): string {
  const [drawn, setDrawn] = useState(text);
  const latest = useRef(text);
  const frame = useRef(0);
  latest.current = text;
  useEffect(() => {
    if (!isGrowing || frame.current !== 0) return;
    frame.current = requestAnimationFrame(() => {
      frame.current = 0;
      setDrawn(latest.current);
    });
  }, [text, isGrowing]);
  useEffect(() => () => cancelAnimationFrame(frame.current), []);
  return isGrowing ? drawn : text;
}
