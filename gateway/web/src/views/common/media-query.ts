import { type ReadonlySignal, signal } from '@preact/signals';

function follow(query: string): ReadonlySignal<boolean> {
  const list = matchMedia(query);
  const matches = signal(list.matches);
  list.addEventListener('change', () => {
    matches.value = list.matches;
  });
  return matches;
}

/** Too narrow for the list of conversations beside a conversation; the style sheets have the same number. */
export const isNarrow = follow('(max-width: 52rem)');

/** A mouse or the like: focusing a field does not push a keyboard over half of the page. */
export const hasFinePointer = follow('(hover: hover) and (pointer: fine)');

/** What the device is set to; the page's own theme may be another. */
export const prefersDark = follow('(prefers-color-scheme: dark)');
