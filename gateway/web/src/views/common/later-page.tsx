import { signal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect } from 'preact/hooks';

/** A page that is fetched by the few who open it. */
export function laterPage<Props extends object>(fetchPage: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  const page = signal<ComponentType<Props>>();
  const hasFailed = signal(false);
  return function LaterPage(props: Props) {
    useEffect(() => {
      hasFailed.value = false;
      fetchPage().then(
        (fetched) => {
          page.value = fetched;
        },
        () => {
          hasFailed.value = true;
        },
      );
    }, []);
    const Page = page.value;
    if (Page !== undefined) return <Page {...props} />;
    return <p class="older">{hasFailed.value ? 'This page could not be loaded. Reload to try again.' : 'Loading…'}</p>;
  };
}
