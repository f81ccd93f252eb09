import type { App } from '../../client/app.ts';
import { ComposerForm } from '../composer/composer-form.tsx';
import { ConnectionNotice } from '../connection/connection-status.tsx';
import { Announcements } from './announcements.tsx';
import { Transcript } from './transcript.tsx';

/** What was said, and where the next is written. */
export function ConversationPage({ app }: { readonly app: App }) {
  return (
    <>
      <Transcript app={app} />
      <div class="below">
        <ConnectionNotice app={app} />
        <ComposerForm app={app} />
      </div>
      <Announcements app={app} />
    </>
  );
}
