import { type ReadonlySignal, signal } from '@preact/signals';

/** Keeps the end of what grows in sight, unless somebody has scrolled up to read. */
export interface Following {
  readonly isAtEnd: ReadonlySignal<boolean>;
  toEnd(): void;
  end(): void;
}

/** Coming down this close to the end is coming to it: nobody aims so well. */
const nearEndPx = 24;
/** Browsers round. */
const roundingPx = 2;

/** `scroller` scrolls, `content` is what grows in it. */
export function followEnd(scroller: HTMLElement, content: HTMLElement): Following {
  const isAtEnd = signal(true);
  let last = sizesOf(scroller);
  const toEnd = () => {
    isAtEnd.value = true;
    scroller.scrollTop = scroller.scrollHeight;
    last = sizesOf(scroller);
  };
  const onScroll = () => {
    const now = sizesOf(scroller);
    const isResized = now.height !== last.height || now.visible !== last.visible;
    const moved = now.top - last.top;
    const toGo = now.height - now.visible - now.top;
    last = now;
    // With other sizes the browser has moved it; with the same, somebody has.
    if (isResized && isAtEnd.peek()) toEnd();
    else if (moved < 0 && toGo > roundingPx) isAtEnd.value = false;
    else if (moved >= 0 && toGo < nearEndPx) isAtEnd.value = true;
  };
  const resized = new ResizeObserver(() => {
    if (isAtEnd.peek()) toEnd();
    else last = sizesOf(scroller);
  });
  resized.observe(content);
  resized.observe(scroller);
  scroller.addEventListener('scroll', onScroll, { passive: true });
  return {
    isAtEnd,
    toEnd,
    end() {
      resized.disconnect();
      scroller.removeEventListener('scroll', onScroll);
    },
  };
}

function sizesOf({ scrollTop: top, scrollHeight: height, clientHeight: visible }: HTMLElement) {
  return { top, height, visible };
}
