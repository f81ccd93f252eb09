import { Dialog } from '../common/dialog.tsx';
import { shortcutWords } from './shortcuts.ts';

/** What the keyboard can do, and what happens to what is said here. */
export function HelpDialog({ onClose }: { readonly onClose: () => void }) {
  return (
    <Dialog title="Keyboard and help" onClose={onClose}>
      <dl class="keys">
        {shortcutWords.map(({ keys, does }) => (
          <div key={does}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <p>
        A message that was accepted is kept: when the connection breaks or this page is closed, its reply goes on and is
        here when you come back.
      </p>
    </Dialog>
  );
}
