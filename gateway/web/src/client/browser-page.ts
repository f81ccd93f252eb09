import { MemoryStorage } from './memory-storage.ts';
import type { Page } from './page.ts';
import { putByXhr } from './put-by-xhr.ts';

/** This page. */
export function browserPage(): Page {
  return {
    apiUrl: apiUrlOf(document),
    store: storageOr(() => localStorage),
    tabStore: storageOr(() => sessionStorage),
    isSecure: isSecureContext,
    locks: navigator.locks,
    timeZone: new Intl.DateTimeFormat().resolvedOptions().timeZone,
    isOnline: () => navigator.onLine,
    put: putByXhr,
    canShow: (file) =>
      createImageBitmap(file).then(
        (picture) => {
          picture.close();
          return true;
        },
        () => false,
      ),
    onChange,
    onStored(listener) {
      const heard = ({ key, storageArea }: StorageEvent) => {
        if (storageArea === localStorage) listener(key);
      };
      return listen(window, 'storage', (event) => heard(event as StorageEvent));
    },
    random: Math.random,
    url: () => location.href,
    replaceUrl: (url) => history.replaceState(history.state, '', url),
    leaveFor: (url) => location.assign(url),
  };
}

function onChange(listener: () => void): () => void {
  const stops = [
    listen(window, 'online', listener),
    listen(window, 'offline', listener),
    listen(window, 'pageshow', listener),
    listen(document, 'visibilitychange', () => {
      if (document.visibilityState === 'visible') listener();
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

function listen(target: EventTarget, type: string, listener: (event: Event) => void): () => void {
  target.addEventListener(type, listener);
  return () => target.removeEventListener(type, listener);
}

/** The page's own place, or what `<meta name="parley-api" content="https://…">` says. */
function apiUrlOf({ baseURI, head }: Document): string {
  const told = head.querySelector<HTMLMetaElement>('meta[name="parley-api"]')?.content;
  const { origin, pathname } = new URL(told === undefined || told === '' ? '.' : told, baseURI);
  return `${origin}${pathname}`.replace(/\/+$/, '');
}

/** Where a browser's settings forbid to store anything, what is stored lives as long as the page. */
function storageOr(storage: () => Storage): Storage {
  try {
    return storage();
  } catch (error) {
    if (error instanceof DOMException) return new MemoryStorage();
    throw error;
  }
}
