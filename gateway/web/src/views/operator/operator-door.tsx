import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { App } from '../../client/app.ts';

const page = signal<typeof import('./operator-page.tsx')>();
const hasFailed = signal(false);

/** The operator's page is fetched by the few who open it. */
export function OperatorDoor({ app, messageId }: { readonly app: App; readonly messageId: string }) {
  useEffect(() => {
    hasFailed.value = false;
    import('./operator-page.tsx').then(
      (loaded) => {
        page.value = loaded;
      },
      () => {
        hasFailed.value = true;
      },
    );
  }, []);
  const OperatorPage = page.value?.OperatorPage;
  if (OperatorPage !== undefined) return <OperatorPage app={app} messageId={messageId} />;
  return <p class="older">{hasFailed.value ? 'This page could not be loaded. Reload to try again.' : 'Loading…'}</p>;
}
